use bytes::Bytes;
use holdfast_sources::call::functions::GetLayerVersionByArn;
use holdfast_sources::lambda::port::{FetchCode, FetchLayer};
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::read::named;
use super::{Functions, incomplete};

impl FetchCode for Functions {
    async fn fetch_code(&self, function: &str, qualifier: Option<&str>, max_bytes: u64) -> Result<Bytes, PortError> {
        let doing = format!("downloading the code of {}", named(function, qualifier));
        let code = self.get(function, qualifier).await?.code;
        let code = code.ok_or_else(|| incomplete(&doing, "code"))?;
        if let Some(error) = code.error() {
            let words = [error.error_code(), error.message()]
                .map(Option::unwrap_or_default)
                .join(": ");
            return Err(PortError::Denied(format!("{doing}: {words}")));
        }
        // The address is a credential for ten minutes: it is used at once and stays out of every message.
        let url = code
            .location()
            .ok_or_else(|| incomplete(&doing, "address of the code"))?;
        self.http.get(url, max_bytes).await.map_err(|error| error.doing(&doing))
    }
}

impl FetchLayer for Functions {
    async fn fetch_layer(&self, arn: &str, max_bytes: u64) -> Result<Bytes, PortError> {
        let doing = format!("downloading the content of layer {arn}");
        let input = json!({ "Arn": arn });
        let answer = self.calls.call_of::<GetLayerVersionByArn>(&self.region, input).await?;
        // As with code: a credential for ten minutes.
        let url = answer
            .get("Content")
            .and_then(|content| content.get("Location"))
            .and_then(Value::as_str);
        let url = url.ok_or_else(|| incomplete(&doing, "address of the content"))?;
        self.http.get(url, max_bytes).await.map_err(|error| error.doing(&doing))
    }
}
