use serde_json::{Map, Value, json};

use super::{Subject, Writing, picked};

impl Writing<'_> {
    /// An API from its export: the body has its paths, integrations and authorizers.
    pub(super) fn http_api(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let Some(body) = config.get("body") else {
            return self.notes.push(format!("{}: there is no export to make it from", subject.id));
        };
        let mut properties = Map::from_iter([("Body".to_owned(), body.clone())]);
        if !subject.tags().is_empty() {
            properties.insert("Tags".to_owned(), json!(subject.tags()));
        }
        self.add(subject.logical, "AWS::ApiGatewayV2::Api", properties);
        let stages = config.get("stages").and_then(Value::as_array).cloned().unwrap_or_default();
        for (number, stage) in (1..).zip(&stages) {
            let members = stage.as_object().cloned().unwrap_or_default();
            let names = [("StageVariables", "StageVariables"), ("StageName", "StageName")];
            let mut properties = picked(&members, &names);
            properties.insert("ApiId".to_owned(), json!({ "Ref": subject.logical }));
            properties.insert("AutoDeploy".to_owned(), json!(true));
            let logical = format!("{}Stage{number}", subject.logical);
            self.add(&logical, "AWS::ApiGatewayV2::Stage", properties);
        }
    }
}
