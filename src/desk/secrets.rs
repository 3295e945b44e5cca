//! What programs log in with. Never the value of one in an event or a record, only its name.

use secrecy::SecretString;

use super::{Desk, Done};
use crate::names::{AgentId, Verb};
use crate::security::secrets::{self, NewKey, SecretName, Unlock};
use crate::time::Now;

impl Desk {
    pub fn set_secret(
        &self,
        name: &SecretName,
        value: &SecretString,
        note: Option<&str>,
        unlock: &Unlock,
        now: Now,
    ) -> Done<()> {
        self.record_secret(Verb::SecretWrite)?;
        secrets::set(&self.home, name, value, note, unlock, now.wall)?;
        self.tell_security("secret.set", name.as_str().into(), None, now);
        Ok(())
    }

    /// Before anybody is asked for what opens the store.
    pub fn may_use_secrets(&self, verb: Verb) -> Done<()> {
        self.permit_to_come(verb, &AgentId::system())?;
        Ok(())
    }

    pub fn secret(&self, name: &SecretName, unlock: &Unlock) -> Done<SecretString> {
        self.record_secret(Verb::SecretRead)?;
        Ok(secrets::get(&self.home, name, unlock)?)
    }

    pub fn secrets(&self, unlock: &Unlock) -> Done<Vec<secrets::Listed>> {
        self.record_secret(Verb::SecretRead)?;
        Ok(secrets::list(&self.home, unlock)?)
    }

    pub fn remove_secret(&self, name: &SecretName, unlock: &Unlock, now: Now) -> Done<()> {
        self.record_secret(Verb::SecretWrite)?;
        secrets::remove(&self.home, name, unlock)?;
        self.tell_security("secret.removed", name.as_str().into(), None, now);
        Ok(())
    }

    /// Seals all of them anew.
    pub fn rotate_secrets(&self, unlock: &Unlock, to: NewKey<'_>, now: Now) -> Done<()> {
        self.record_secret(Verb::SecretWrite)?;
        secrets::rotate_key(&self.home, unlock, to, now.wall)?;
        self.tell_security("secret.rotated", "another key".into(), None, now);
        Ok(())
    }

    fn record_secret(&self, verb: Verb) -> Done<()> {
        self.record(&self.permit(verb, &AgentId::system())?)
    }
}
