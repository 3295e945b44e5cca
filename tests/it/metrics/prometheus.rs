//! Those who read the figures: `promtool` finds nothing wrong, the real Prometheus scrapes them, and every expression of
//! the dashboard and of the alerts means something to it.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Serving, export, samples, serving, wait_until};
use crate::home::{Home, checkout, has_tool, run};

fn config(path: &str) -> PathBuf {
    checkout().join("config").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(config(path)).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/dashboards/dreamos.json")).unwrap()
}

fn promtool(args: &[&str], input: &str) {
    let ran = run(Command::new("promtool").args(args), input.as_bytes());
    assert_eq!(ran.code, 0, "promtool {args:?}: {ran:?}");
    // It warns of bad names, and exits 0.
    assert_eq!(ran.err, "", "promtool {args:?}");
}

/// A home in which there is something to be told of everything.
fn lively() -> Home {
    let home = Home::new();
    let agents =
        "version: 1\nagents:\n  captain: {}\n  agent-1:\n    command: sleep 1000\n  agent-2: {}\n";
    fs::write(home.dir.join("config/agents.yaml"), agents).unwrap();
    let ok = |program: &str, line: &str| {
        let program = PathBuf::from(crate::home::CELLPHONE).with_file_name(program);
        let mut command = home.command(program.to_str().unwrap());
        let ran = run(command.args(line.split_whitespace()), b"");
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
    };
    ok("agentctl", "start agent-1");
    ok("cellphone", "send agent-2 hello -q");
    ok("cellphone", "ack --all --as agent-2 -q");
    ok("cellphone", "send agent-2 more -q");
    ok(
        "taskctl",
        "create well --id well --schedule @reboot -- true",
    );
    ok("taskctl", "run --due");
    home
}

/// Ends what runs in it.
struct Lively(Home);

impl Drop for Lively {
    fn drop(&mut self) {
        let agentctl = PathBuf::from(crate::home::CELLPHONE).with_file_name("agentctl");
        let mut down = self.0.command(agentctl.to_str().unwrap());
        run(down.args(["down", "--grace", "0s"]), b"");
    }
}

#[test]
fn promtool_finds_nothing_wrong() {
    if !has_tool("promtool") {
        return;
    }
    let home = Lively(lively());
    promtool(&["check", "metrics"], &export(&home.0).out);
    for (check, path) in [
        ("config", "prometheus/prometheus.yml"),
        ("rules", "prometheus/rules/dreamos.yml"),
    ] {
        promtool(&["check", check, config(path).to_str().unwrap()], "");
    }
    let tests = config("prometheus/tests/dreamos_test.yml");
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
}

/// The alerts: their names and what else stands below each.
fn alerts() -> Vec<(String, Value)> {
    let rules: Value = serde_yaml::from_str(&read("prometheus/rules/dreamos.yml")).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    groups
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule.clone()))
        .collect()
}

#[test]
fn every_alert_says_what_to_do_and_is_shown_to_come() {
    let tests: Value = serde_yaml::from_str(&read("prometheus/tests/dreamos_test.yml")).unwrap();
    let tests = tests["tests"].as_array().unwrap().iter();
    let expected: Vec<&Value> = tests
        .filter_map(|test| test["alert_rule_test"].as_array())
        .flatten()
        .collect();
    let readme = fs::read_to_string(config("README.md")).unwrap();
    for (name, rule) in alerts() {
        assert!(
            rule["for"].is_string() && rule["labels"]["severity"].is_string(),
            "{name}"
        );
        for what in ["summary", "description"] {
            assert!(rule["annotations"][what].is_string(), "{name}: {what}");
        }
        let runbook = format!("config/README.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], runbook.as_str());
        assert!(readme.contains(&format!("\n### {name}\n")), "{name}");
        let of_it = expected.iter().filter(|it| it["alertname"] == *name);
        let mut alerts = of_it.map(|it| it["exp_alerts"].as_array());
        let comes = alerts.any(|it| it.is_some_and(|it| !it.is_empty()));
        assert!(comes, "{name} is not shown to come");
    }
}

fn panels() -> Vec<Value> {
    dashboard()["panels"].as_array().unwrap().clone()
}

/// Every expression that the dashboard draws, as it is asked for all agents.
fn drawn() -> Vec<String> {
    let targets = panels()
        .into_iter()
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    targets
        .map(|target| target["expr"].as_str().unwrap().replace("$agent", ".*"))
        .collect()
}

#[test]
fn the_dashboard_can_be_provisioned_as_it_is() {
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null() && dashboard.get("__inputs").is_none());
    assert_eq!(dashboard["uid"], "dreamos");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
    assert_eq!(variables[0]["query"], "prometheus");
    assert_eq!(
        variables[1]["definition"],
        "label_values(dreamos_agent_up, agent)"
    );
    let mut ids = BTreeSet::new();
    let mut rows = Vec::new();
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        if panel["type"] == "row" {
            rows.push(panel["title"].as_str().unwrap().to_owned());
            continue;
        }
        let source = serde_json::json!({"type": "prometheus", "uid": "${datasource}"});
        assert_eq!(panel["datasource"], source);
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"], source);
        }
    }
    assert_eq!(
        rows,
        ["Overview", "Agents", "Mail", "Tasks", "Logs", "Host"]
    );
}

#[test]
fn every_figure_that_is_asked_for_is_told_and_every_one_that_is_told_is_asked_for() {
    let home = Lively(lively());
    let told = export(&home.0).out;
    let families: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let mut asked = drawn();
    asked.extend(
        alerts()
            .iter()
            .map(|(_, rule)| rule["expr"].as_str().unwrap().to_owned()),
    );
    let mut wanted = BTreeSet::new();
    for expression in &asked {
        for word in expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            if word.starts_with("dreamos_") {
                let family = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| word.strip_suffix(end))
                    .unwrap_or(word);
                assert!(families.contains(family), "{family} of {expression}");
                wanted.insert(family);
            }
        }
    }
    let unasked: Vec<_> = families.difference(&wanted).collect();
    assert!(unasked.is_empty(), "nobody looks at {unasked:?}");
}

/// A Prometheus of our own, as long as this lives.
struct Prometheus {
    child: Child,
    address: String,
    _place: tempfile::TempDir,
}

impl Prometheus {
    /// With the shipped configuration, but for where it finds us and how often.
    fn scraping(server: &Serving) -> Self {
        let place = tempfile::tempdir().unwrap();
        let shipped = read("prometheus/prometheus.yml");
        let ours = shipped
            .replace("127.0.0.1:9777", &server.address)
            .replace("15s", "1s")
            .replace(
                "rules/*.yml",
                config("prometheus/rules/*.yml").to_str().unwrap(),
            );
        assert_ne!(ours, shipped);
        let file = place.path().join("prometheus.yml");
        fs::write(&file, ours).unwrap();
        // Free until a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let address = port.to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            _place: place,
        }
    }

    /// `None` where it refuses, or does not answer yet.
    fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-G", &format!("http://{}{path}", self.address)]);
        for (name, value) in query {
            curl.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        let answer: Value = serde_json::from_slice(&curl.output().unwrap().stdout).ok()?;
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    fn values(&self, expression: &str) -> Option<Vec<Value>> {
        let data = self.get("/api/v1/query", &[("query", expression)])?;
        data["result"].as_array().cloned()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_real_prometheus_understands_every_expression() {
    if !has_tool("prometheus") || !has_tool("curl") {
        return;
    }
    let home = Lively(lively());
    let server = serving(&home.0, &[]);
    let prometheus = Prometheus::scraping(&server);
    wait_until("it scrapes us", || {
        let up = prometheus.values("up{job=\"dreamos\"}");
        up.is_some_and(|up| up.first().is_some_and(|it| it["value"][1] == "1"))
    });
    let ours = samples(&export(&home.0).out);
    for (sample, value) in [
        ("dreamos_mailbox_unread{agent=\"agent-2\"}", "1"),
        ("dreamos_agent_up{agent=\"agent-1\"}", "1"),
        ("dreamos_message_ack_seconds_count", "1"),
    ] {
        assert_eq!(ours[sample], value, "{sample}");
        let theirs = prometheus.values(sample).unwrap();
        assert_eq!(theirs[0]["value"][1], value, "{sample}");
    }
    // A second scrape: what is asked as a rate has one.
    wait_until("rates", || {
        let rate = prometheus.values("rate(dreamos_log_lines_total[1m])");
        rate.is_some_and(|rate| !rate.is_empty())
    });
    let drawn = drawn();
    assert!(drawn.len() > 40, "{drawn:?}");
    let mut empty = Vec::new();
    for expression in &drawn {
        let values = prometheus.values(expression);
        let values = values.unwrap_or_else(|| panic!("it does not understand {expression}"));
        if values.is_empty() {
            empty.push(expression);
        }
    }
    // Nobody has waited for a lock, and nobody was ever given up.
    let may_be_empty = |it: &&String| it.contains("lock_wait");
    let unexpected: Vec<_> = empty.into_iter().filter(|it| !may_be_empty(it)).collect();
    assert!(unexpected.is_empty(), "nothing to draw: {unexpected:#?}");
    let data = prometheus.get("/api/v1/rules", &[]).unwrap();
    let groups = data["groups"].as_array().unwrap().iter();
    let rules: Vec<&Value> = groups
        .flat_map(|it| it["rules"].as_array().unwrap())
        .collect();
    assert_eq!(rules.len(), alerts().len());
    wait_until("it judges each rule", || {
        let data = prometheus.get("/api/v1/rules", &[]).unwrap();
        let groups = data["groups"].as_array().unwrap().iter();
        let mut rules = groups.flat_map(|it| it["rules"].as_array().unwrap());
        rules.all(|rule| rule["health"] == "ok")
    });
}
