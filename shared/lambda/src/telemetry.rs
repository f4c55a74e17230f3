use std::collections::BTreeMap;

use holdfast_catalog::{OutcomeStatus, Report, ReportStatus};
use serde_json::{Value, json};

/// Sets JSON lines up, at the level that the function's logging configuration asks for.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn start_logging() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::new(format!("warn,holdfast={level}"));
    // A second call (tests) finds a subscriber set, which is as good.
    if tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .try_init()
        .is_err()
    {
        tracing::debug!("logging was set up before");
    }
}

/// Writes the metrics of a run as one line in CloudWatch's embedded metric format: no call, no permission, no wait.
#[expect(
    clippy::print_stdout,
    reason = "a Lambda function's metrics are lines of its standard output"
)]
pub(crate) fn write_metrics(stack: &str, report: &Report, now_ms: i64) {
    println!("{}", metrics_line(stack, report, now_ms));
}

/// The metrics of a report in CloudWatch's embedded metric format. Stack-wide metrics have the dimension `Stack`; the
/// outcome counts have `Stack` and `Function`.
pub fn metrics_line(stack: &str, report: &Report, now_ms: i64) -> Value {
    let failed = report.count(OutcomeStatus::Failed) + report.count(OutcomeStatus::Partial);
    let failed = if report.status == ReportStatus::Failed {
        failed.max(1)
    } else {
        failed
    };
    let by_function = BTreeMap::from([
        ("FailedOutcomes".to_owned(), json!(failed)),
        ("DoneOutcomes".to_owned(), json!(report.count(OutcomeStatus::Done))),
    ]);
    let names = |names: Vec<&String>| -> Vec<Value> {
        names
            .into_iter()
            .map(|name| json!({ "Name": name, "Unit": unit_of(name) }))
            .collect()
    };
    let directive = |dimensions: Value, names: Vec<Value>| json!({ "Namespace": "Holdfast", "Dimensions": [dimensions], "Metrics": names });
    let mut directives = vec![directive(
        json!(["Stack", "Function"]),
        names(by_function.keys().collect()),
    )];
    if !report.metrics.is_empty() {
        directives.push(directive(json!(["Stack"]), names(report.metrics.keys().collect())));
    }
    let mut line = json!({
        "_aws": { "Timestamp": now_ms, "CloudWatchMetrics": directives },
        "Stack": stack,
        "Function": report.function,
    });
    if let Some(fields) = line.as_object_mut() {
        fields.extend(by_function);
        fields.extend(report.metrics.iter().map(|(name, value)| (name.clone(), json!(value))));
    }
    line
}

/// Names end in their unit; a region may stand behind it.
fn unit_of(name: &str) -> &'static str {
    match name.split('-').next() {
        Some(name) if name.ends_with("Bytes") => "Bytes",
        Some(name) if name.ends_with("Seconds") => "Seconds",
        _ => "Count",
    }
}

#[cfg(test)]
mod tests {
    use holdfast_catalog::Outcome;

    use super::*;

    #[test]
    fn a_line_names_each_metric_and_holds_its_value() {
        let outcomes = vec![
            Outcome::new("a", OutcomeStatus::Done, ""),
            Outcome::new("b", OutcomeStatus::Failed, "x"),
            Outcome::new("c", OutcomeStatus::Partial, "y"),
        ];
        let mut report = Report::of("verify", outcomes);
        report.metrics.insert("RpoBreachedResources".to_owned(), 1.0);
        report.metrics.insert("SweptBytes".to_owned(), 7.0);
        report.metrics.insert("CopyLagSeconds-eu-west-1".to_owned(), 7.5);
        let line = metrics_line("prod", &report, 5);
        assert_eq!(
            (&line["FailedOutcomes"], &line["RpoBreachedResources"]),
            (&json!(2), &json!(1.0))
        );
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][1]["Metrics"],
            json!([
                { "Name": "CopyLagSeconds-eu-west-1", "Unit": "Seconds" },
                { "Name": "RpoBreachedResources", "Unit": "Count" },
                { "Name": "SweptBytes", "Unit": "Bytes" },
            ])
        );
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Stack", "Function"]])
        );
    }
}
