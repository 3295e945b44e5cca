use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::security::{Because, Policy, Question as OfOne, Target};
use serde::Serialize;

use super::question::{Asked, Question};

/// Tell which rule decides, and of every other about this action why it does not
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl explain agent-1 mail.read agent-2
  secctl explain user agent.purge agent-1 --json | jq '.explained[].reasons[0].rule'")]
pub(crate) struct Explain {
    #[command(flatten)]
    question: Question,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    principal: String,
    action: &'static str,
    /// SHA-256 of the file; `builtin` where there is none.
    policy: String,
    explained: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    target: String,
    allowed: bool,
    /// The first decides.
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct Reason {
    rule: String,
    because: &'static str,
    /// For people: JSON readers have the policy.
    #[serde(skip)]
    says: Option<String>,
}

impl Run for Explain {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let asked = self.question.asked(context)?;
        let targets = asked.targets.iter();
        let document = Document {
            schema: "dreamos.verdict-explained/1",
            principal: asked.principal.to_string(),
            action: asked.verb.as_str(),
            policy: asked.policy.hash().to_owned(),
            explained: targets.map(|target| explained(&asked, target)).collect(),
        };
        if context.format().is_json() {
            context.print_json(&document)?;
        } else {
            context.print_table(&table(&document))?;
        }
        Ok(Exit::DONE)
    }
}

fn explained(asked: &Asked, target: &Target) -> Explained {
    let question = OfOne {
        principal: &asked.principal,
        verb: asked.verb,
        target,
    };
    let reasons = asked.policy.explain(&question, asked.desk.roster());
    Explained {
        target: target.to_string(),
        allowed: reasons.first().map(|it| it.because) == Some(Because::Allows),
        reasons: reasons
            .iter()
            .map(|it| Reason {
                rule: it.rule.to_owned(),
                because: it.because.as_str(),
                says: Policy::builtin_says(it.rule)
                    .map(Into::into)
                    .or_else(|| asked.policy.quota_says(it.rule)),
            })
            .collect(),
    }
}

fn table(document: &Document) -> Table {
    let mut table = Table::new(&["TARGET", "RULE", "BECAUSE"]);
    for it in &document.explained {
        for reason in &it.reasons {
            table.row(vec![
                it.target.clone(),
                reason.rule.clone(),
                reason.says.as_ref().map_or_else(
                    || reason.because.to_owned(),
                    |says| format!("{}: {says}", reason.because),
                ),
            ]);
        }
    }
    table
}
