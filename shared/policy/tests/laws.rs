#[test]
fn perf() {
    for c in ["* * * * *", "*/5 * * * *", "*/15 * * 1-11 *", "0 2 * * *", "0 0 29 2 *"] {
        let t = std::time::Instant::now();
        let text = format!("version: 1\nplans:\n  - {{name: a, schedule: {{cron: \"{c}\", timezone: Europe/Berlin}}, retention: {{daily: 7}}, objectives: {{rpo: 9w}}}}\n");
        let d = holdfast_policy::parse(&text, "b");
        println!("{c} parse {:?} {:?}", t.elapsed(), d.is_ok());
        let s = holdfast_policy::Schedule::cron(c, holdfast_policy::time_zone("Europe/Berlin").unwrap()).unwrap();
        let t = std::time::Instant::now();
        println!("{:?}", s.latest_at_or_before("2026-11-21T12:00:00Z".parse().unwrap()));
        println!("latest {:?}", t.elapsed());
    }
    for y in ["2097-03-01T00:00:00Z", "2103-03-01T00:00:00Z", "2104-02-01T00:00:00Z"] {
        let s = holdfast_policy::Schedule::cron("0 0 29 2 *", jiff::tz::TimeZone::UTC).unwrap();
        println!("{y} {:?} {:?}", s.latest_at_or_before(y.parse().unwrap()), s.next_after(y.parse().unwrap()));
    }
}
