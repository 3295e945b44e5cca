use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::security::Question as OfOne;
use serde::Serialize;

use super::question::{Asked, Question};

/// Ask whether somebody may do something: 0 if so, 1 if not
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl check agent-1 mail.send agent-2
  secctl check discord:80351110224678912 agent.stop role:worker
  secctl check agent-1 mail.ack self && echo 'its own mail'")]
pub(crate) struct Check {
    #[command(flatten)]
    question: Question,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    principal: String,
    action: &'static str,
    /// To every one of the targets.
    allowed: bool,
    verdicts: Vec<Verdict>,
}

#[derive(Serialize)]
struct Verdict {
    target: String,
    allowed: bool,
    rule: String,
    /// Those of the file that bound how much may wait there; what waits is not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quotas: Vec<String>,
}

impl Run for Check {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let asked = self.question.asked(context)?;
        let verdicts = verdicts(&asked);
        let document = Document {
            schema: "dreamos.verdict/1",
            principal: asked.principal.to_string(),
            action: asked.verb.as_str(),
            allowed: verdicts.iter().all(|it| it.allowed),
            verdicts,
        };
        if context.format().is_json() {
            context.print_json(&document)?;
        } else {
            context.print(&said(&document))?;
        }
        Ok(if document.allowed {
            Exit::DONE
        } else {
            Exit::NO
        })
    }
}

fn verdicts(asked: &Asked) -> Vec<Verdict> {
    let verdict = |target| {
        let question = OfOne {
            principal: &asked.principal,
            verb: asked.verb,
            target,
        };
        let verdict = asked.policy.decide(&question, asked.desk.roster());
        Verdict {
            target: target.to_string(),
            allowed: verdict.allowed,
            rule: verdict.rule.to_owned(),
            quotas: if verdict.allowed {
                quotas(asked, &question)
            } else {
                Vec::new()
            },
        }
    };
    asked.targets.iter().map(verdict).collect()
}

/// The built-in one nobody notices.
fn quotas(asked: &Asked, question: &OfOne<'_>) -> Vec<String> {
    let bounding = asked.policy.allowances(question, asked.desk.roster());
    let of_file = bounding
        .iter()
        .filter(|it| asked.policy.quota_says(it.rule).is_some());
    of_file.map(|it| it.rule.to_owned()).collect()
}

fn said(document: &Document) -> String {
    let lines = document.verdicts.iter().map(|it| {
        let word = if it.allowed { "allowed" } else { "refused" };
        let Document {
            principal, action, ..
        } = document;
        let quotas = it.quotas.iter().map(|quota| format!(", quota {quota}"));
        format!(
            "{word}: {principal} {action} {} (rule {}{})\n",
            it.target,
            it.rule,
            quotas.collect::<String>()
        )
    });
    lines.collect()
}
