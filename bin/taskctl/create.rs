use dreamos::cli::{Context, Draft, Error, Exit, Failure, Run, whole_text};
use dreamos::desk::{Desk, Written};
use dreamos::tasks::{Category, NewTask, Priority, TaskId};
use dreamos::time::{BadTime, Now, parse_span, parse_time};
use serde_json::{Map, Value, json};

use super::changed::{Change, Report};
use super::list::{category, priority};
use super::options::{DryRun, Mail, json_or_text, said, whose};

/// Above this the lines would not fit into the memory that we promise to stay within.
const LONGEST_BATCH: usize = 256 << 20;

/// Write down what is to be done, by whom, after what, and until when; whoever is to do it gets mail
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl create fix the parser --for agent-3 --priority high
  taskctl create deploy --id deploy-web --after t4,t5 --deadline 'tomorrow 17:00'
  taskctl create backup --schedule '0 3 * * *' --retries 2 --timeout 10m -- make backup
  taskctl create greet --schedule @daily --send agent-2 'good morning'
  seq 3 | jq -c '{name: \"part \\(.)\", data: {n: .}}' | taskctl create --batch -")]
pub(crate) struct Create {
    /// What it is called: one line
    #[arg(value_name = "NAME", required_unless_present = "batch")]
    name: Vec<String>,
    /// Its id; else it gets the next of t1, t2, …
    #[arg(long, value_name = "ID", value_parser = id)]
    id: Option<TaskId>,
    /// Who is to do it; else whoever takes it
    #[arg(long = "for", value_name = "AGENT")]
    whose: Option<String>,
    /// low, medium, high or critical
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    priority: Option<Priority>,
    /// agent, bridge, system, social or validation
    #[arg(long, value_name = "CATEGORY", value_parser = category)]
    category: Option<Category>,
    /// What else there is to say; - is standard input
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Write the description in your editor
    #[arg(long, conflicts_with = "description")]
    editor: bool,
    /// What must be completed before; several divided by commas, or repeated
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    after: Vec<String>,
    /// What one must be able to do for it; several divided by commas, or repeated
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',')]
    needs: Vec<String>,
    /// When it must be done: 2h, tomorrow 17:00, 2026-12-01T09:00:00Z
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// When it is run, again and again: five fields as in a crontab, or @daily and the like
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// By which clock: a name as Europe/Berlin
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    zone: Option<String>,
    /// A line that the shell runs
    #[arg(long, value_name = "LINE", conflicts_with = "send")]
    shell: Option<String>,
    /// A message that is sent when it is run
    #[arg(long, num_args = 2, value_names = ["AGENT", "TEXT"])]
    send: Vec<String>,
    /// So often it is tried again when it failed
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// A run may take so long
    #[arg(long, value_name = "SPAN", value_parser = span_text)]
    timeout: Option<String>,
    /// What is your own: JSON where it is that, else text; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    data: Vec<(String, Value)>,
    /// One JSON object a line, with the fields of a task; all or none; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "id", "whose", "priority", "category",
        "description", "editor", "after", "needs", "deadline", "schedule", "shell", "send", "retries", "timeout",
        "data", "run"])]
    batch: Option<String>,
    #[command(flatten)]
    mail: Mail,
    #[command(flatten)]
    dry_run: DryRun,
    /// A program that is run, and its arguments
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["shell", "send"])]
    run: Vec<String>,
}

fn id(text: &str) -> Result<TaskId, String> {
    TaskId::parse(text).map_err(|bad| bad.to_string())
}

fn span_text(text: &str) -> Result<String, BadTime> {
    parse_span(text).map(|_| text.to_owned())
}

fn pair(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        None | Some(("", _)) => Err("write KEY=VALUE".into()),
        Some((key, value)) => Ok((key.to_owned(), json_or_text(value))),
    }
}

impl Run for Create {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = self.dry_run.open(context)?;
        let now = Now::read();
        let (is_dry, tell) = (self.dry_run.is_dry, self.mail.tell());
        let created = match &self.batch {
            Some(path) => desk.create_batch(&lines(path)?, tell, now)?,
            None => desk.create_tasks(vec![self.task(context, &desk, now)?], tell, now)?,
        };
        let mut report = Report::new(is_dry);
        for it in created {
            report.add(change(it));
        }
        report.tell(context);
        Ok(Exit::DONE)
    }
}

fn lines(path: &str) -> Result<String, Error> {
    let lines = whole_text(path, LONGEST_BATCH + 1)?;
    if lines.len() > LONGEST_BATCH {
        let message = format!("a batch is longer than {LONGEST_BATCH} bytes");
        return Err(Error::usage(message));
    }
    Ok(lines)
}

fn change(it: Written) -> Change {
    let agent = it.agent.as_ref();
    let whose = agent.map_or_else(|| "nobody yet".into(), ToString::to_string);
    let waits = match it.waits_for.as_slice() {
        [] => String::new(),
        some => format!(", waits for {}", some.join(", ")),
    };
    let line = format!("created {} for {whose}{waits}", it.id);
    Change {
        agent: it.agent,
        waits_for: it.waits_for,
        ..Change::new("created", it.id).said(line)
    }
}

impl Create {
    fn task(self, context: &Context, desk: &Desk, now: Now) -> Result<NewTask, Failure> {
        let mut fields = Map::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(field.to_owned(), value);
            }
        };
        put("name", Some(self.name.join(" ").into()));
        let description = match &self.description {
            Some(text) => Some(said(text)?),
            None if self.editor => Some(written(context)?),
            None => None,
        };
        put("description", description.map(Value::from));
        put("category", self.category.map(|it| it.as_str().into()));
        put("priority", self.priority.map(|it| it.as_str().into()));
        let agent = self.whose.map(|name| whose(desk, &name)).transpose()?;
        put("assigned_to", agent.flatten().map(|it| it.as_str().into()));
        put("dependencies", some(self.after));
        put("capabilities", some(self.needs));
        let deadline = self.deadline.map(|text| parse_time(&text, now.wall));
        let deadline = deadline
            .transpose()
            .map_err(|bad| Error::usage(bad.to_string()))?;
        put("deadline", deadline.map(|at| at.to_string().into()));
        let schedule = self.schedule.map(|cron| match self.zone {
            Some(zone) => json!({"cron": cron, "zone": zone}),
            None => cron.into(),
        });
        put("schedule", schedule);
        put(
            "run",
            self.shell.map(Value::from).or_else(|| some(self.run)),
        );
        if let [to, content] = self.send.as_slice() {
            let to = desk.resolve(to)?;
            put("run", Some(json!({"send": {"to": to, "content": content}})));
        }
        put("retries", self.retries.map(Value::from));
        put("timeout", self.timeout.map(Value::from));
        let data: Map<String, Value> = self.data.into_iter().collect();
        put("data", (!data.is_empty()).then(|| data.into()));
        Ok(NewTask {
            id: self.id,
            fields,
        })
    }
}

fn some(words: Vec<String>) -> Option<Value> {
    (!words.is_empty()).then(|| words.into())
}

fn written(context: &Context) -> Result<String, Error> {
    if context.options().no_input {
        return Err(Error::advice(
            "--editor opens an editor",
            "leave out --no-input",
        ));
    }
    let draft = Draft::new("description.txt", b"")?;
    let text = String::from_utf8(draft.edit()?).map_err(|_| Error::NotText)?;
    draft.discard();
    Ok(text.trim_end().to_owned())
}
