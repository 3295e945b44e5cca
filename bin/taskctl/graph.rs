use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Format, Own, Run};
use dreamos::tasks::{Board, Record, Standing, Task, sort};
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;
use super::item::live;

/// What waits for what, as a picture: of all tasks that wait or are waited for, or of those around some
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl graph > tasks.mmd                     # mermaid, as Markdown shows it
  taskctl graph --format dot | dot -Tsvg > tasks.svg
  taskctl graph t5                              # what t5 waits for, and what waits for t5")]
pub(crate) struct Graph {
    /// Around which
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// Also what neither waits nor is waited for
    #[arg(long, conflicts_with = "tasks")]
    all: bool,
}

/// Colours that are told apart in print and by who sees few of them; the word stands beside.
const COLOURS: [(&str, &str); 12] = [
    ("ready", "#c6e48b"),
    ("claimed", "#e3f2c1"),
    ("waiting", "#eeeeee"),
    ("blocked", "#f4b183"),
    ("later", "#ddebf7"),
    ("scheduled", "#ddebf7"),
    ("unreadable", "#f4b183"),
    ("running", "#9dc3e6"),
    ("lapsed", "#ffe699"),
    ("completed", "#ffffff"),
    ("failed", "#ff9999"),
    ("cancelled", "#cccccc"),
];

#[derive(Serialize)]
struct Document<'g> {
    schema: &'static str,
    tasks: &'g [Node<'g>],
    /// Who waits, and for whom.
    edges: &'g [Edge<'g>],
}

#[derive(Serialize)]
struct Node<'g> {
    id: &'g str,
    name: &'g str,
    status: &'static str,
    state: &'static str,
}

#[derive(Serialize)]
struct Edge<'g> {
    task: &'g str,
    on: &'g str,
}

impl Run for Graph {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let sheets = desk.sheets(Now::read())?;
        let board = sheets.board()?;
        let graph = board.graph();
        let mut edges: Vec<Edge<'_>> = graph
            .edges()
            .map(|(task, on)| Edge {
                task: &task.id,
                on: &on.id,
            })
            .collect();
        let wanted = self.wanted(&board, &edges)?;
        edges.retain(|it| wanted.contains(it.task) && wanted.contains(it.on));
        let mut tasks = live(&board, &desk.dead(&board));
        tasks.retain(|(task, _)| wanted.contains(&*task.id));
        sort(&mut tasks);
        let nodes: Vec<Node<'_>> = tasks.iter().map(|(task, it)| node(task, it)).collect();
        match context.format() {
            Format::Json | Format::Jsonl => context.print_json(&Document {
                schema: "dreamos.task-graph/1",
                tasks: &nodes,
                edges: &edges,
            })?,
            Format::Own(Own::Dot) => context.print(&dot(&nodes, &edges))?,
            Format::Table | Format::Plain | Format::Own(_) => {
                context.print(&mermaid(&nodes, &edges))?;
            }
        }
        Ok(Exit::DONE)
    }
}

impl Graph {
    fn wanted(&self, board: &Board<'_>, edges: &[Edge<'_>]) -> Result<HashSet<String>, Failure> {
        if !self.tasks.is_empty() {
            let ids = self.tasks.iter().map(|asked| board.record(asked));
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            let around = board.graph().around(ids.iter().map(Record::id));
            return Ok(around.into_iter().map(Into::into).collect());
        }
        if self.all {
            return Ok(board.tasks().map(|task| task.id.to_string()).collect());
        }
        let ends = edges.iter().flat_map(|it| [it.task, it.on]);
        Ok(ends.map(Into::into).collect())
    }
}

fn node<'g>(task: &'g Task<'_>, standing: &Standing<'_>) -> Node<'g> {
    Node {
        id: &task.id,
        name: &task.name,
        status: task.status.as_str(),
        state: standing.as_str(),
    }
}

fn colour(state: &str) -> &'static str {
    let known = COLOURS.iter().find(|(word, _)| *word == state);
    known.map_or("#ffffff", |(_, colour)| colour)
}

/// The nodes are numbered: an id may hold what mermaid reads otherwise, or be a word of its own.
fn mermaid(nodes: &[Node<'_>], edges: &[Edge<'_>]) -> String {
    let place: HashMap<&str, usize> = nodes.iter().enumerate().map(|(n, it)| (it.id, n)).collect();
    let mut text = String::from("graph LR\n");
    let mut states = Vec::new();
    for (n, it) in nodes.iter().enumerate() {
        let name = it.name.replace('"', "#quot;");
        writeln!(
            text,
            "  n{n}[\"{}: {name} ({})\"]:::{}",
            it.id, it.state, it.state
        )
        .expect("a string grows");
        if !states.contains(&it.state) {
            states.push(it.state);
        }
    }
    for it in edges {
        let (on, task) = (place[it.on], place[it.task]);
        writeln!(text, "  n{on} --> n{task}").expect("a string grows");
    }
    for state in states {
        writeln!(text, "  classDef {state} fill:{},color:#000", colour(state))
            .expect("a string grows");
    }
    text
}

fn dot(nodes: &[Node<'_>], edges: &[Edge<'_>]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text =
        String::from("digraph tasks {\n  rankdir=LR\n  node [shape=box, style=filled]\n");
    for it in nodes {
        let label = quoted(&format!("{}: {} ({})", it.id, it.name, it.state));
        let (id, colour) = (quoted(it.id), colour(it.state));
        writeln!(text, "  {id} [label={label}, fillcolor=\"{colour}\"]").expect("a string grows");
    }
    for it in edges {
        writeln!(text, "  {} -> {}", quoted(it.on), quoted(it.task)).expect("a string grows");
    }
    text.push_str("}\n");
    text
}
