use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, kept, page, tag_list, tag_map, text, told, unknown};

const SCHEDULE: [&str; 10] = [
    "ActionAfterCompletion",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
];

impl Desk<'_> {
    pub(super) fn scheduler(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListScheduleGroups" => {
                self.default_group();
                let groups = self
                    .all("group")
                    .into_iter()
                    .map(|(_, group)| told(&group, &["Tags"]))
                    .collect();
                Ok(page(groups, input, "ScheduleGroups", "NextToken", "NextToken"))
            }
            "GetScheduleGroup" => {
                self.default_group();
                Ok(told(&self.get("group", text(input, "Name")?)?, &["Tags"]))
            }
            "CreateScheduleGroup" => {
                let name = text(input, "Name")?;
                self.default_group();
                if self.has("group", name) {
                    return Err(PortError::AlreadyExists(format!("group {name}")));
                }
                let arn = self.arn("scheduler", &format!("schedule-group/{name}"));
                let group = json!({ "Arn": arn, "Name": name, "State": "ACTIVE", "CreationDate": self.number(),
                    "Tags": tag_map(&input["Tags"]) });
                self.put("group", name, group);
                Ok(json!({ "ScheduleGroupArn": arn }))
            }
            "ListSchedules" => {
                let all = self.all("schedule").into_iter();
                let all = all
                    .map(|(_, one)| json!({ "Arn": one["Arn"], "Name": one["Name"], "GroupName": one["GroupName"] }));
                Ok(page(all.collect(), input, "Schedules", "NextToken", "NextToken"))
            }
            "GetSchedule" => self.get("schedule", &schedule(input)?),
            "CreateSchedule" => {
                if self.has("schedule", &schedule(input)?) {
                    return Err(PortError::AlreadyExists("a schedule of that name".to_owned()));
                }
                self.put_schedule(input)
            }
            "UpdateSchedule" => {
                self.get("schedule", &schedule(input)?)?;
                self.put_schedule(input)
            }
            "ListTagsForResource" => {
                self.default_group();
                let tags = self.tags_of(text(input, "ResourceArn")?)?;
                Ok(json!({ "Tags": tag_list(&tag_map(&tags)) }))
            }
            "TagResource" => self.tag(text(input, "ResourceArn")?, &input["Tags"]),
            name => unknown(name),
        }
    }

    /// Every region has it from the start.
    fn default_group(&mut self) {
        if !self.has("group", "default") {
            let arn = self.arn("scheduler", "schedule-group/default");
            self.put(
                "group",
                "default",
                json!({ "Arn": arn, "Name": "default", "State": "ACTIVE", "Tags": {} }),
            );
        }
    }

    /// Both calls write the whole schedule: what they leave out has its default.
    fn put_schedule(&mut self, input: &Value) -> Answer {
        let key = schedule(input)?;
        let (group, name) = key.split_once('/').unwrap_or_default();
        self.default_group();
        self.get("group", group)?;
        text(input, "ScheduleExpression")?;
        if !input["FlexibleTimeWindow"].is_object() || !input["Target"].is_object() {
            return Err(PortError::Invalid("a schedule has a window and a target".to_owned()));
        }
        let arn = self.arn("scheduler", &format!("schedule/{key}"));
        let mut made =
            json!({ "State": "ENABLED", "ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE" });
        for (name, value) in kept(input, &SCHEDULE) {
            made[name] = value;
        }
        made["Name"] = Value::from(name);
        made["GroupName"] = Value::from(group);
        made["Arn"] = Value::from(arn.as_str());
        made["CreationDate"] = Value::from(self.number());
        self.put("schedule", &key, made);
        Ok(json!({ "ScheduleArn": arn }))
    }
}

fn schedule(input: &Value) -> Result<String, PortError> {
    let group = input["GroupName"].as_str().unwrap_or("default");
    Ok(format!("{group}/{}", text(input, "Name")?))
}
