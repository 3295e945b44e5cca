use dreamos::cli::{Context, Failure, Table};
use dreamos::desk::Desk;
use dreamos::security::secrets::sealed_with;
use dreamos::time::Timestamp;
use serde::Serialize;

use super::opens::opened;

#[derive(Serialize)]
struct Listed {
    schema: &'static str,
    secrets: Vec<One>,
}

#[derive(Serialize)]
struct One {
    name: String,
    set_at: Timestamp,
    rotated_at: Option<Timestamp>,
    note: Option<String>,
}

pub(super) fn list(context: &Context, desk: &Desk) -> Result<(), Failure> {
    let found = match sealed_with(desk.home())? {
        None => Vec::new(),
        Some(_) => desk.secrets(&opened(context, desk)?)?,
    };
    let secrets: Vec<One> = found
        .into_iter()
        .map(|it| One {
            name: it.name.as_str().to_owned(),
            set_at: it.set_at,
            rotated_at: it.rotated_at,
            note: it.note,
        })
        .collect();
    if context.format().is_json() {
        return Ok(context.print_json(&Listed {
            schema: "dreamos.secrets/1",
            secrets,
        })?);
    }
    let mut table = Table::new(&["NAME", "SET", "ROTATED", "NOTE"]);
    for it in secrets {
        let rotated = it.rotated_at.map_or("-".into(), |at| at.to_string());
        let note = it.note.unwrap_or_default();
        table.row(vec![it.name, it.set_at.to_string(), rotated, note]);
    }
    Ok(context.print_table(&table)?)
}
