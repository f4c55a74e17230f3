use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, page, tag_map, text, told, unknown};

impl Desk<'_> {
    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    pub(super) fn apigatewayv2(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "GetApis" => {
                let all = self.all("httpapi").into_iter().map(|(_, api)| api_told(&api));
                Ok(listed(all.collect(), input))
            }
            "GetApi" => Ok(api_told(&self.get("httpapi", text(input, "apiId")?)?)),
            "CreateApi" => {
                text(input, "name")?;
                text(input, "protocolType")?;
                let number = self.number();
                let id = format!("h{number:06}");
                let mut settings = told(input, &["tags"]);
                settings["apiId"] = Value::from(id.as_str());
                settings["createdDate"] = Value::from(number);
                settings["apiEndpoint"] =
                    Value::from(format!("https://{id}.execute-api.{}.amazonaws.com", self.region));
                settings["apiKeySelectionExpression"] = json!("$request.header.x-api-key");
                settings["routeSelectionExpression"] = json!("$request.method $request.path");
                let api = json!({
                    "Arn": format!("arn:aws:apigateway:{}::/apis/{id}", self.region), "Tags": tag_map(&input["tags"]), "api": settings,
                    "authorizer": {}, "integration": {}, "route": {}, "stage": {}, "deployment": {},
                });
                let answer = api_told(&api);
                self.put("httpapi", &id, api);
                Ok(answer)
            }
            "GetAuthorizers" => self.parts("authorizer", input),
            "GetIntegrations" => self.parts("integration", input),
            "GetRoutes" => self.parts("route", input),
            "GetStages" => self.parts("stage", input),
            "GetDeployments" => self.parts("deployment", input),
            "CreateAuthorizer" => self.add_part("authorizer", "authorizerId", "name", input),
            "CreateIntegration" => self.add_part("integration", "integrationId", "", input),
            "CreateDeployment" => self.add_part("deployment", "deploymentId", "", input),
            "CreateRoute" | "UpdateRoute" => {
                let api = self.get("httpapi", text(input, "apiId")?)?;
                let missing = |member: &str, of: &str| {
                    let id = input[member]
                        .as_str()
                        .map(|id| id.rsplit('/').next().unwrap_or_default());
                    id.is_some_and(|id| api[of][id].is_null())
                };
                if missing("target", "integration") || missing("authorizerId", "authorizer") {
                    return Err(PortError::NotFound("what the route names".to_owned()));
                }
                if name == "CreateRoute" {
                    return self.add_part("route", "routeId", "routeKey", input);
                }
                self.change_part("route", text(input, "routeId")?, input)
            }
            "CreateStage" => {
                let stage = text(input, "stageName")?.to_owned();
                let api = self.get("httpapi", text(input, "apiId")?)?;
                if !api["stage"][&stage].is_null() {
                    return Err(PortError::AlreadyExists(format!("stage {stage}")));
                }
                let mut input = input.clone();
                if input["autoDeploy"] == true {
                    input["deploymentId"] = Value::from(format!("auto{}", self.number()));
                }
                input["lastUpdatedDate"] = Value::from(self.number());
                let api = self.change("httpapi", text(&input, "apiId")?)?;
                api["stage"][stage] = told(&input, &["apiId"]);
                Ok(input)
            }
            "UpdateStage" => self.change_part("stage", text(input, "stageName")?, input),
            "GetDomainNames" => {
                let all = self.all("domain").into_iter().map(|(_, one)| told(&one, &["mappings"]));
                Ok(listed(all.collect(), input))
            }
            "GetApiMappings" => {
                let domain = self.get("domain", text(input, "domainName")?)?;
                let all = domain["mappings"].as_object().into_iter().flatten();
                let own = all.filter(|(_, one)| one.get("apiId").is_some());
                Ok(listed(own.map(|(_, one)| one.clone()).collect(), input))
            }
            "CreateApiMapping" => {
                let key = input["apiMappingKey"].as_str().unwrap_or_default().to_owned();
                let id = format!("m{}", self.number());
                let mappings = &mut self.change("domain", text(input, "domainName")?)?["mappings"];
                if !mappings[&key].is_null() {
                    return Err(PortError::AlreadyExists(format!("mapping {key}")));
                }
                mappings[&key] = told(input, &["domainName"]);
                mappings[&key]["apiMappingId"] = Value::from(id);
                Ok(json!({}))
            }
            "TagResource" => self.tag(text(input, "resourceArn")?, &input["tags"]),
            name => unknown(name),
        }
    }

    fn parts(&mut self, part: &'static str, input: &Value) -> Answer {
        let api = self.get("httpapi", text(input, "apiId")?)?;
        let all = api[part].as_object().into_iter().flatten();
        Ok(listed(all.map(|(_, one)| one.clone()).collect(), input))
    }

    /// Two of one name are refused where parts have names.
    fn add_part(&mut self, part: &'static str, id: &str, name: &str, input: &Value) -> Answer {
        let own = format!("{}{:06}", &part[..1], self.number());
        let api = self.change("httpapi", text(input, "apiId")?)?;
        let mut others = api[part].as_object().into_iter().flatten();
        if !name.is_empty() && others.any(|(_, other)| other[name] == input[name]) {
            return Err(PortError::AlreadyExists(format!("{part} {}", input[name])));
        }
        let mut made = told(input, &["apiId"]);
        made[id] = Value::from(own.as_str());
        api[part][own] = made.clone();
        Ok(made)
    }

    fn change_part(&mut self, part: &'static str, own: &str, input: &Value) -> Answer {
        let api = self.change("httpapi", text(input, "apiId")?)?;
        let found = &mut api[part][own];
        if found.is_null() {
            return Err(PortError::NotFound(format!("{part} {own}")));
        }
        for (name, value) in input
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "apiId")
        {
            found[name] = value.clone();
        }
        Ok(found.clone())
    }
}

fn api_told(api: &Value) -> Value {
    let mut settings = api["api"].clone();
    settings["tags"] = api["Tags"].clone();
    settings
}

fn listed(all: Vec<Value>, input: &Value) -> Value {
    page(all, input, "items", "nextToken", "nextToken")
}
