//! Tasks: documents that programs and people change at once.

mod documents;
mod rules;
mod runs;
mod siege;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dreamos::desk::{Desk, Error};
use dreamos::names::{AgentId, Caller};
use dreamos::root;
use dreamos::tasks::{NewTask, Record, Tell};
use dreamos::time::Now;
use serde_json::{Map, Value, json};

use crate::home::Home;

/// A home, and one who speaks in it.
pub(crate) struct Rig {
    home: Home,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    fn new() -> Self {
        Self {
            home: Home::new(),
            warnings: Arc::default(),
        }
    }

    fn desk_of(&self, agent: &str, life: Option<&str>) -> Desk {
        let caller = Caller {
            agent: AgentId::parse(agent).unwrap(),
            incarnation: life.map(Into::into),
            uid: 0,
            login: None,
            guest: None,
        };
        let heard = Arc::clone(&self.warnings);
        Desk::open(root::Home::at(&self.home.dir), caller, move |warning| {
            heard.lock().unwrap().push(warning.to_owned());
        })
        .unwrap()
    }

    fn user(&self) -> Desk {
        self.desk_of("user", None)
    }

    fn create(&self, fields: Value) -> String {
        self.try_create(fields).unwrap()
    }

    fn try_create(&self, fields: Value) -> Result<String, Error> {
        let Value::Object(mut fields) = fields else {
            panic!("an object")
        };
        let id = fields.remove("id");
        let id = id.map(|id| dreamos::tasks::TaskId::parse(id.as_str().unwrap()).unwrap());
        let task = NewTask { id, fields };
        let made = self
            .user()
            .create_tasks(vec![task], Tell::Nobody, Now::read());
        made.map(|made| made.into_iter().next().unwrap().id)
    }

    fn document(&self, agent: &str) -> PathBuf {
        self.home
            .dir
            .join(format!("config/agent_comms/{agent}.json"))
    }

    /// As a person sees it.
    fn read(&self, agent: &str) -> Value {
        let text = std::fs::read(self.document(agent)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn ids(&self, agent: &str) -> Vec<String> {
        let tasks = self.read(agent)["tasks"].as_array().unwrap().clone();
        let id = |task: &Value| task["id"].as_str().unwrap().to_owned();
        tasks.iter().map(id).collect()
    }

    /// As an editor saves: a new file under the old name.
    fn save(&self, agent: &str, text: &str) {
        let aside = self
            .document(&format!("{agent}.json.swp"))
            .with_extension("swp");
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, self.document(agent)).unwrap();
    }

    fn edit(&self, agent: &str, change: impl FnOnce(&mut Value)) {
        let mut document = self.read(agent);
        change(&mut document);
        self.save(agent, &serde_json::to_string_pretty(&document).unwrap());
    }

    fn settle(&self) -> Result<(), Error> {
        self.user().settle_tasks(Now::read())
    }

    fn task(&self, id: &str) -> Record {
        let sheets = self.user().sheets(Now::read()).unwrap();
        let board = sheets.board().unwrap();
        match board.record(id) {
            Ok(record) => record,
            Err(_) => board.archived_one(id).unwrap().unwrap().1,
        }
    }

    fn status(&self, id: &str) -> String {
        self.task(id).str("status").unwrap().to_owned()
    }

    fn ready(&self) -> Vec<String> {
        let sheets = self.user().sheets(Now::read()).unwrap();
        let board = sheets.board().unwrap();
        let graph = board.graph();
        graph
            .ready()
            .iter()
            .map(|task| task.id.to_string())
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap())
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => panic!("an object"),
    }
}

fn named(name: &str) -> Value {
    json!({ "name": name })
}

const LEASE: Option<Duration> = Some(Duration::from_mins(10));
