//! Names and the plain data that several rooms exchange. Values only: nothing here reads a clock, a file or
//! the environment.

mod act;
mod agent_id;
mod draft;
mod event;
mod event_name;
mod explain;
mod finding;
mod message_id;
mod mode;
mod nearest;
mod origin;
mod roster;
mod token;
mod visible;

pub use act::{Act, Caller, Guest, Permit, Verb};
pub use agent_id::{AgentId, BadAgentId, CAPTAIN, RESERVED, SYSTEM, UNASSIGNED, USER};
pub use draft::{Draft, OPENED, ORIGIN, SEALED, TAINT, UNOPENED_WHY};
pub use event::{Channel, Effect, Event, Level};
pub use event_name::{BadEventName, EventName};
pub use explain::{Explain, Kind, Unsure};
pub use finding::Finding;
pub use message_id::{BadMessageId, MessageId, MessageRef};
pub use mode::{BadMode, Class, Mode};
pub use origin::{BadOrigin, Origin};
pub use roster::{Limits, NotFree, Roster, RosterEntry, UnknownName};
pub use token::Token;
pub use visible::{is_hidden, visible};
