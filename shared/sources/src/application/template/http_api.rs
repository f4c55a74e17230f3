use serde_json::{Map, Value, json};

use super::rest_api::{address_of, capital, replaced, tags_of_part};
use super::{Subject, Writing};
use crate::wiring::marked::THIS_URL;

/// Members of a document that become resources of their own.
const PARTS: [&str; 5] = ["apiMappings", "authorizers", "integrations", "routes", "stages"];

impl Writing<'_> {
    /// An API from its document: every part a resource of its own, as the service has it.
    pub(super) fn http_api(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let list = |name: &str| config.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut settings = config.clone();
        PARTS.iter().for_each(|name| drop(settings.remove(*name)));
        settings.insert("name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        let mut properties = members_of(&capital(&Value::Object(settings)));
        if let Some(cors) = properties.get_mut("CorsConfiguration") {
            *cors = capital(cors);
        }
        if !subject.tags().is_empty() {
            properties.insert("Tags".to_owned(), json!(subject.tags()));
        }
        self.add(subject.logical, "AWS::ApiGatewayV2::Api", properties);
        self.guards_and_calls(subject, &list("authorizers"), &list("integrations"));
        let authorizers = list("authorizers");
        let routes = list("routes");
        for (number, route) in (1..).zip(&routes) {
            self.route(subject, route, &authorizers, number);
        }
        let stages = list("stages");
        if stages.iter().any(|stage| stage.get("isDeployed").is_some()) {
            let logical = format!("{}Deployment", subject.logical);
            let properties = Map::from_iter([("ApiId".to_owned(), json!({ "Ref": subject.logical }))]);
            self.add(&logical, "AWS::ApiGatewayV2::Deployment", properties);
            // It holds the routes that are there when it is made.
            let routes: Vec<String> = (1..=routes.len())
                .map(|number| format!("{}Route{number}", subject.logical))
                .collect();
            if let Some(deployment) = self.resources.get_mut(&logical).filter(|_| !routes.is_empty()) {
                deployment["DependsOn"] = json!(routes);
            }
        }
        for (number, stage) in (1..).zip(&stages) {
            self.http_stage(subject, stage, number);
        }
        for (number, mapping) in (1..).zip(&list("apiMappings")) {
            let mut properties = self.part(subject, mapping);
            let name = mapping.get("stage");
            if let Some(at) = stages.iter().position(|stage| stage.get("stageName") == name) {
                let stage = json!({ "Ref": format!("{}Stage{}", subject.logical, at + 1) });
                properties.insert("Stage".to_owned(), stage);
            }
            let logical = format!("{}Mapping{number}", subject.logical);
            self.add_switched(&logical, "AWS::ApiGatewayV2::ApiMapping", properties);
        }
    }

    fn guards_and_calls(&mut self, subject: &Subject<'_>, authorizers: &[Value], integrations: &[Value]) {
        for (number, authorizer) in (1..).zip(authorizers) {
            let mut properties = self.part(subject, authorizer);
            if let Some(jwt) = properties.get_mut("JwtConfiguration") {
                *jwt = capital(jwt);
            }
            let logical = format!("{}Authorizer{number}", subject.logical);
            self.add(&logical, "AWS::ApiGatewayV2::Authorizer", properties);
        }
        for (number, integration) in (1..).zip(integrations) {
            let logical = format!("{}Integration{number}", subject.logical);
            let mut integration = integration.clone();
            self.hide_static(&logical, &mut integration);
            let mut properties = self.part(subject, &integration);
            if let Some(tls) = properties.get_mut("TlsConfig") {
                *tls = capital(tls);
            }
            if let Some(responses) = properties.get_mut("ResponseParameters") {
                *responses = response_parameters(responses);
            }
            self.add(&logical, "AWS::ApiGatewayV2::Integration", properties);
        }
    }

    /// A part's members with a capital, and whose part it is.
    fn part(&mut self, subject: &Subject<'_>, part: &Value) -> Map<String, Value> {
        if part.to_string().contains(THIS_URL) {
            self.notes
                .push(format!("{}: it calls itself: set its address by hand", subject.id));
        }
        let mut properties = members_of(&capital(part));
        properties.insert("ApiId".to_owned(), json!({ "Ref": subject.logical }));
        properties
    }

    fn route(&mut self, subject: &Subject<'_>, route: &Value, authorizers: &[Value], number: usize) {
        let mut properties = self.part(subject, route);
        if let Some(place) = properties.remove("Integration").as_ref().and_then(Value::as_u64) {
            let target = format!("integrations/${{{}Integration{}}}", subject.logical, place + 1);
            properties.insert("Target".to_owned(), json!({ "Fn::Sub": target }));
        }
        if let Some(name) = properties.remove("Authorizer")
            && let Some(at) = authorizers.iter().position(|one| one.get("name") == Some(&name))
        {
            let authorizer = json!({ "Ref": format!("{}Authorizer{}", subject.logical, at + 1) });
            properties.insert("AuthorizerId".to_owned(), authorizer);
        }
        let logical = format!("{}Route{number}", subject.logical);
        self.add(&logical, "AWS::ApiGatewayV2::Route", properties);
    }

    fn http_stage(&mut self, subject: &Subject<'_>, stage: &Value, number: usize) {
        let logical = format!("{}Stage{number}", subject.logical);
        let mut members = stage.as_object().cloned().unwrap_or_default();
        let is_deployed = members.remove("isDeployed").is_some();
        let variables = members.remove("stageVariables");
        let mut properties = self.part(subject, &Value::Object(members));
        if let Some(variables) = variables {
            let variables = replaced(&variables, THIS_URL, &address_of(self.symbols, subject.id));
            let variables = self.stage_variables(&logical, &variables);
            properties.insert("StageVariables".to_owned(), variables);
        }
        for name in ["AccessLogSettings", "DefaultRouteSettings"] {
            if let Some(settings) = properties.get_mut(name) {
                *settings = capital(settings);
            }
        }
        if let Some(Value::Object(routes)) = properties.get_mut("RouteSettings") {
            routes.values_mut().for_each(|settings| *settings = capital(settings));
        }
        if tags_of_part(stage).is_some() {
            properties.insert("Tags".to_owned(), stage.get("tags").cloned().unwrap_or_default());
        }
        if is_deployed {
            let deployment = json!({ "Ref": format!("{}Deployment", subject.logical) });
            properties.insert("DeploymentId".to_owned(), deployment);
        }
        self.add(&logical, "AWS::ApiGatewayV2::Stage", properties);
    }
}

fn members_of(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// What a response is changed by, as CloudFormation lists it.
fn response_parameters(by_code: &Value) -> Value {
    let codes = by_code.as_object().into_iter().flatten();
    let listed = codes.map(|(code, parameters)| {
        let parameters = parameters.as_object().into_iter().flatten();
        let list: Vec<Value> = parameters
            .map(|(destination, source)| json!({ "Destination": destination, "Source": source }))
            .collect();
        (code.clone(), json!({ "ResponseParameters": list }))
    });
    listed.collect()
}
