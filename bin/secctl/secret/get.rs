use dreamos::cli::{Context, Error, Failure};
use dreamos::desk::Desk;
use dreamos::security::secrets::SecretName;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::opens::opened;

pub(super) fn get(
    context: &Context,
    desk: &Desk,
    name: &SecretName,
    reveal: bool,
) -> Result<(), Failure> {
    if !reveal && !context.on_terminal() {
        return Err(
            Error::advice("stdout is no terminal", "--reveal prints it all the same").into(),
        );
    }
    let secret = desk.secret(name, &opened(context, desk)?)?;
    let line = Zeroizing::new(format!("{}\n", secret.expose_secret()));
    Ok(context.print(&line)?)
}
