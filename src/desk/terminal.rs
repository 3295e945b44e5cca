//! The terminals of agents: to look at one is one thing, to be at its keyboard another.

use super::{Desk, Done};
use crate::agents::control::{Screen, Size};
use crate::agents::{self, Attached, Joins};
use crate::names::{AgentId, Verb};

/// Who joins a terminal, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    Off,
    AtTheKeyboard,
}

impl Desk {
    /// What the agent's terminal shows: so many lines of it, the last.
    pub fn peek(&self, id: &AgentId, lines: usize) -> Done<Screen> {
        self.permit(Verb::AgentLook, id)?;
        Ok(agents::peek(self.home(), id, lines)?)
    }

    /// Whether the screen has changed by what was typed.
    pub fn type_text(&self, id: &AgentId, text: &str, enter: bool) -> Done<bool> {
        let permit = self.permit(Verb::AgentType, id)?;
        self.record(&permit)?;
        let (changed, effects) = agents::type_text(self.home(), &permit, id, text, enter)?;
        self.follow_up(effects);
        Ok(changed)
    }

    pub fn join_terminal(&self, id: &AgentId, size: Size, hands: Hands) -> Done<Attached> {
        let (attached, effects) = match hands {
            Hands::Off => {
                self.permit(Verb::AgentLook, id)?;
                agents::attach(self.home(), id, size, &Joins::Looking)?
            }
            Hands::AtTheKeyboard => {
                let permit = self.permit(Verb::AgentType, id)?;
                self.record(&permit)?;
                agents::attach(self.home(), id, size, &Joins::Typing(&permit))?
            }
        };
        self.follow_up(effects);
        Ok(attached)
    }
}
