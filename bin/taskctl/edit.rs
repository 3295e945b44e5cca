use dreamos::cli::{Context, Draft, Error, Exit, Failure, Run, confirm};
use dreamos::names::Kind;
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::desk::open;

/// Edit a task in your editor: a copy is checked and merged with what happened to the task meanwhile
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl edit t5
  EDITOR='code --wait' taskctl edit t5")]
pub(crate) struct Edit {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
}

impl Run for Edit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        if context.options().no_input {
            return Err(Error::advice("edit opens an editor", "leave out --no-input").into());
        }
        let sheets = desk.sheets(Now::read())?;
        let before = sheets.board()?.record(&self.task)?;
        let given = before.text();
        let draft = Draft::new(&format!("{}.json", before.id()), given.as_bytes())?;
        let id = loop {
            let edited = String::from_utf8(draft.edit()?);
            let edited = edited.map_err(|_| Failure::from(Error::NotText));
            if edited.as_ref().is_ok_and(|edited| *edited == given) {
                draft.discard();
                context.note("nothing was changed");
                return Ok(Exit::DONE);
            }
            let merged = edited.and_then(|it| Ok(desk.edit_task(&before, &it, Now::read())?));
            match merged {
                Ok(id) => break id,
                Err(failure) if again(context, &failure)? => {}
                Err(failure) => {
                    let path = draft.path().display();
                    context.note(&format!("what you wrote is kept in {path}"));
                    return Err(failure);
                }
            }
        };
        draft.discard();
        Ok(tell(context, false, Change::new("edited", id)))
    }
}

/// What cannot stand may be edited on, by a person who is there.
fn again(context: &Context, failure: &Failure) -> Result<bool, Error> {
    let may_be_mended = [Kind::Usage, Kind::Corrupt].map(Exit::of);
    // --yes would open the same text for ever.
    if !may_be_mended.contains(&failure.exit()) || !context.may_ask() || context.options().yes {
        return Ok(false);
    }
    context.fail(failure);
    confirm(context, "Edit it again?")
}
