//! What is to be done.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::discord::error::Error;
use crate::discord::grammar::Call;
use crate::discord::reply::Reply;
use crate::discord::visit::Visit;
use crate::tasks::{NewTask, Status, Tell, sort};

pub(super) fn list(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let whose = call.get("agent").map(|it| visit.agent(it)).transpose()?;
    let status = call.get("status").and_then(Status::parse);
    let sheets = visit.desk.sheets(visit.now)?;
    let board = sheets.board()?;
    let dead = visit.desk.dead(&board);
    let mut all = board.standings(&dead);
    all.retain(|(task, _)| {
        let assigned = task.assigned_to.as_deref();
        let is_his = whose
            .as_ref()
            .is_none_or(|it| assigned == Some(it.as_str()));
        is_his && status.is_none_or(|it| task.status == it)
    });
    sort(&mut all);
    let mut rows = String::new();
    for (task, standing) in &all {
        let (id, name) = (&task.id, &task.name);
        let whose = task.assigned_to.as_deref().unwrap_or("nobody");
        writeln!(
            rows,
            "{id:<16} {:<9} {:<10} {whose:<12} {name}",
            task.priority.to_string(),
            standing.as_str()
        )
        .expect("a string grows");
    }
    Ok(if rows.is_empty() {
        Reply::text("**Tasks**\nNone.")
    } else {
        Reply::listing("Tasks", "tasks.txt", &rows)
    })
}

pub(super) fn show(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = call.get("task").unwrap_or_default();
    let sheets = visit.desk.sheets(visit.now)?;
    let record = sheets.board()?.record(id)?;
    let text = serde_json::to_string_pretty(record.fields()).expect("every key is text");
    Ok(Reply::listing(id, &format!("{id}.json"), &text))
}

pub(super) fn create(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let mut lines = Vec::new();
    let whom = call.get("agent").map(|it| visit.several(it)).transpose()?;
    let whom = whom.unwrap_or_default();
    let each: Vec<Option<&_>> = if whom.is_empty() {
        vec![None]
    } else {
        whom.iter().map(Some).collect()
    };
    for agent in each {
        let mut fields = Map::new();
        let name = call.get("name").unwrap_or_default();
        fields.insert("name".into(), name.into());
        fields.insert(
            "priority".into(),
            call.get("priority").unwrap_or("medium").into(),
        );
        if let Some(agent) = agent {
            fields.insert("assigned_to".into(), Value::from(agent.as_str()));
        }
        let written = visit
            .desk
            .create_task(NewTask { id: None, fields }, visit.now)?;
        let whose = written.agent.as_ref().map_or("nobody", |it| it.as_str());
        lines.push(format!("{} is written down for {whose}", written.id));
    }
    Ok(Reply::text(lines.join("\n")))
}

pub(super) fn run(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let ran = visit
        .desk
        .run_task(call.get("task").unwrap_or_default(), visit.now, &|| false)?;
    let end = match &ran.outcome.fault {
        None => "done".to_owned(),
        Some(fault) => format!("Error: {fault}"),
    };
    Ok(Reply::text(format!(
        "{} ({}): {end}, run {}",
        ran.task, ran.name, ran.run
    )))
}

pub(super) fn complete(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let id = call.get("task").unwrap_or_default();
    let result = call.get("text").map(Value::from);
    let done = visit
        .desk
        .complete_task(id, result, Tell::Concerned, visit.now)?;
    Ok(Reply::text(format!("{done} is completed")))
}
