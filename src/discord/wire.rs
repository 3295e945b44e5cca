//! The library that speaks to Discord: its gateway, its REST interface, its limits. It is named in this file alone; what comes
//! in becomes plain values for `bot.rs`, and what goes out was one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serenity::all::{
    AutocompleteChoice, Builder as _, ButtonStyle, ChannelId, ChannelType, Command as Registered,
    CommandDataOption, CommandDataOptionValue, CommandInteraction, CommandOptionType,
    ComponentInteraction, ConnectionStage, Context, CreateActionRow, CreateAllowedMentions,
    CreateAttachment, CreateAutocompleteResponse, CreateButton, CreateCommand, CreateCommandOption,
    CreateInteractionResponse, CreateInteractionResponseMessage, CreateMessage,
    EditInteractionResponse, EditMessage, EventHandler, ExecuteWebhook, GatewayIntents, Guild,
    GuildId, Http, HttpBuilder, HttpError, Interaction, Member, Message, MessageId, Nonce,
    Permissions, Ready, ResumedEvent, RoleId, ShardManager, User, VoiceState, WebhookId,
};
use serenity::gateway::GatewayError;

use super::bot::{Asked, Bot, Register};
use super::error::Error;
use super::grammar::{self, Call, Command, GROUPS, Kind};
use super::hook::Webhook;
use super::press::Press;
use super::reply::{Button, Reply};
use super::visit::Place;
use crate::names::Guest;

/// What is to be followed and edited lives fifteen minutes; the last edit must come before.
pub(super) const EDITED_FOR: Duration = Duration::from_mins(14);
/// How often an answer is tried again that Discord could not take.
const TRIES: u32 = 5;

/// The REST interface.
#[derive(Clone)]
pub(super) struct Api(Arc<Http>);

/// Nobody is pinged by what is posted, and its limits are kept.
fn http(token: &str) -> Http {
    HttpBuilder::new(token)
        .default_allowed_mentions(CreateAllowedMentions::new())
        .build()
}

/// Why something was not posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unposted {
    /// It never will be: no such channel, no permission, or something that Discord does not take.
    Never(String),
    /// It may be later.
    Later(String),
}

impl Api {
    pub(super) fn new(token: &str) -> Self {
        Self(Arc::new(http(token)))
    }

    /// A message in a channel; the number of what stands there then. The same nonce is posted once.
    pub(super) async fn post(
        &self,
        channel: u64,
        reply: &Reply,
        nonce: Option<String>,
    ) -> Result<u64, Unposted> {
        let mut message = made(reply);
        if let Some(nonce) = nonce {
            message = message.nonce(Nonce::String(nonce)).enforce_nonce(true);
        }
        let posted = ChannelId::new(channel).send_message(&self.0, message).await;
        posted
            .map(|it| it.id.get())
            .map_err(|error| unposted(&error))
    }

    pub(super) async fn edit(
        &self,
        channel: u64,
        message: u64,
        reply: &Reply,
    ) -> Result<(), Unposted> {
        let edit = EditMessage::new()
            .content(&reply.text)
            .components(rows(&reply.buttons))
            .allowed_mentions(CreateAllowedMentions::new());
        let edited = ChannelId::new(channel)
            .edit_message(&self.0, MessageId::new(message), edit)
            .await;
        edited.map(drop).map_err(|error| unposted(&error))
    }

    pub(super) async fn register(&self, how: Register) -> Result<(), Error> {
        let commands = || {
            grammar::tree()
                .into_iter()
                .map(|it| registered(it.0, &it.1))
                .collect()
        };
        match how {
            Register::Guild(guild) => {
                let guild = GuildId::new(guild);
                guild
                    .set_commands(&self.0, commands())
                    .await
                    .map_err(|it| wire(&it))?;
            }
            Register::Global => {
                Registered::set_global_commands(&self.0, commands())
                    .await
                    .map_err(|it| wire(&it))?;
            }
            Register::None => {}
        }
        Ok(())
    }

    /// Who the token is of; before anything else is asked, so that a bad one is told as such.
    pub(super) async fn whoami(&self) -> Result<String, Error> {
        let me = self.0.get_current_user().await.map_err(|it| wire(&it))?;
        let application = self
            .0
            .get_current_application_info()
            .await
            .map_err(|it| wire(&it))?;
        self.0.set_application_id(application.id);
        Ok(me.name.clone())
    }

    /// Whether the application may be told what people write.
    pub(super) async fn may_read_content(&self) -> Result<bool, Error> {
        use serenity::all::ApplicationFlags as Flags;
        let application = self
            .0
            .get_current_application_info()
            .await
            .map_err(|it| wire(&it))?;
        let flags = application.flags.unwrap_or_default();
        Ok(flags
            .intersects(Flags::GATEWAY_MESSAGE_CONTENT | Flags::GATEWAY_MESSAGE_CONTENT_LIMITED))
    }

    /// The server that a channel is of.
    pub(super) async fn guild_of(&self, channel: u64) -> Result<Option<u64>, Error> {
        let found = self.0.get_channel(ChannelId::new(channel)).await;
        let found = found.map_err(|it| wire(&it))?;
        Ok(found.guild().map(|it| it.guild_id.get()))
    }

    /// What a channel is called, and which of what the bot needs there it is not allowed.
    pub(super) async fn channel(&self, channel: u64) -> Result<(String, Vec<String>), Error> {
        let found = self
            .0
            .get_channel(ChannelId::new(channel))
            .await
            .map_err(|it| wire(&it))?;
        let Some(found) = found.guild() else {
            return Ok(("a private channel".into(), Vec::new()));
        };
        let guild = self
            .0
            .get_guild(found.guild_id)
            .await
            .map_err(|it| wire(&it))?;
        let me = self.0.get_current_user().await.map_err(|it| wire(&it))?;
        let member = self
            .0
            .get_member(found.guild_id, me.id)
            .await
            .map_err(|it| wire(&it))?;
        let has = guild.user_permissions_in(&found, &member);
        let needed = match found.kind {
            ChannelType::Voice | ChannelType::Stage => needed_to_speak(),
            _ => needed(),
        };
        let missing = (needed - has).iter_names().map(|(name, _)| name.to_owned());
        Ok((found.name.clone(), missing.collect()))
    }
}

/// Why nothing was posted through a webhook.
pub(super) enum Unhooked {
    /// Discord was not reached, and can be asked again.
    Before(String),
    /// It never will be.
    Never(String),
    /// It may have been.
    Unsure(String),
}

/// A message through a webhook; its number.
pub(super) async fn post_to(
    webhook: &Webhook,
    text: &str,
    username: Option<&str>,
    thread: Option<u64>,
) -> Result<u64, Unhooked> {
    let mut message = ExecuteWebhook::new()
        .content(text)
        .allowed_mentions(CreateAllowedMentions::new());
    if let Some(name) = username {
        message = message.username(name);
    }
    // What the address holds is all that it asks for.
    let http = http("");
    let posted = http.execute_webhook(
        WebhookId::new(webhook.id),
        thread.map(ChannelId::new),
        &webhook.token,
        true,
        Vec::new(),
        &message,
    );
    match posted.await {
        Ok(Some(message)) => Ok(message.id.get()),
        Ok(None) => Err(Unhooked::Unsure("it told no number".into())),
        Err(error) => {
            let why = whole(&error).replace(&webhook.token, "…");
            Err(match error {
                serenity::Error::Http(HttpError::Request(it)) if it.is_connect() => {
                    Unhooked::Before(why)
                }
                serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))
                    if answer.status_code.is_client_error() =>
                {
                    Unhooked::Never(answer.error.message)
                }
                _ => Unhooked::Unsure(why),
            })
        }
    }
}

fn needed_to_speak() -> Permissions {
    Permissions::VIEW_CHANNEL | Permissions::CONNECT | Permissions::SPEAK
}

fn needed() -> Permissions {
    Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::SEND_MESSAGES_IN_THREADS
        | Permissions::ATTACH_FILES
        | Permissions::READ_MESSAGE_HISTORY
}

fn wire(error: &serenity::Error) -> Error {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))
            if answer.status_code == 401 =>
        {
            Error::BadToken
        }
        serenity::Error::Gateway(GatewayError::InvalidAuthentication) => Error::BadToken,
        serenity::Error::Gateway(
            GatewayError::DisallowedGatewayIntents | GatewayError::InvalidGatewayIntents,
        ) => Error::NoIntents {
            intents: "Message Content intent".into(),
        },
        other => Error::Wire(whole(other)),
    }
}

/// With what lies behind it: the library's own words name no cause.
fn whole(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(error.source(), |it| it.source());
    behind.fold(error.to_string(), |told, it| {
        let why = it.to_string();
        if told.contains(&why) {
            told
        } else {
            format!("{told}: {why}")
        }
    })
}

fn unposted(error: &serenity::Error) -> Unposted {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))
            if answer.status_code.is_client_error() && answer.status_code != 429 =>
        {
            Unposted::Never(answer.error.message.clone())
        }
        serenity::Error::Model(error) => Unposted::Never(error.to_string()),
        other => Unposted::Later(whole(other)),
    }
}

fn attached(reply: &Reply) -> Option<CreateAttachment> {
    let file = reply.file.as_ref()?;
    Some(CreateAttachment::bytes(file.bytes.clone(), &file.name))
}

fn made(reply: &Reply) -> CreateMessage {
    CreateMessage::new()
        .content(&reply.text)
        .components(rows(&reply.buttons))
        .allowed_mentions(CreateAllowedMentions::new())
        .files(attached(reply))
}

fn rows(buttons: &[Button]) -> Vec<CreateActionRow> {
    let made = |it: &Button| {
        let style = if it.is_grave {
            ButtonStyle::Danger
        } else {
            ButtonStyle::Secondary
        };
        CreateButton::new(it.press.to_string())
            .label(it.label)
            .style(style)
    };
    // Five in a row, five rows.
    let rows = buttons.chunks(5).take(5);
    rows.map(|row| CreateActionRow::Buttons(row.iter().map(made).collect()))
        .collect()
}

fn registered(name: &str, below: &[&Command]) -> CreateCommand {
    let group = GROUPS.iter().find(|it| it.0 == name);
    let command = CreateCommand::new(name).contexts(vec![serenity::all::InteractionContext::Guild]);
    if let Some((_, about)) = group {
        let options = below.iter().map(|it| {
            let kind = CommandOptionType::SubCommand;
            let sub = CreateCommandOption::new(kind, it.last_word(), it.about);
            it.options.iter().fold(sub, |sub, option| {
                sub.add_sub_option(registered_option(option))
            })
        });
        return command.description(*about).set_options(options.collect());
    }
    let alone = below.first();
    let about = alone.map_or("", |it| it.about);
    let options = alone.map_or(&[][..], |it| it.options).iter();
    command
        .description(about)
        .set_options(options.map(registered_option).collect())
}

fn registered_option(option: &grammar::Opt) -> CreateCommandOption {
    let kind = match option.kind {
        Kind::Count { .. } => CommandOptionType::Integer,
        Kind::Flag => CommandOptionType::Boolean,
        Kind::Channel => CommandOptionType::Channel,
        Kind::Text | Kind::OneOf(_) | Kind::Agent | Kind::Task | Kind::Log => {
            CommandOptionType::String
        }
    };
    let made =
        CreateCommandOption::new(kind, option.name, option.about).required(option.is_required);
    match option.kind {
        Kind::OneOf(all) => all
            .iter()
            .fold(made, |made, it| made.add_string_choice(*it, *it)),
        Kind::Agent | Kind::Task | Kind::Log => made.set_autocomplete(true),
        Kind::Count { most } => made.min_int_value(1).max_int_value(most.into()),
        Kind::Text | Kind::Flag | Kind::Channel => made,
    }
}

/// The name of a command with those below it, and what was given.
fn call(name: &str, options: &[CommandDataOption]) -> Call {
    if let [
        CommandDataOption {
            name: below,
            value: CommandDataOptionValue::SubCommand(options),
            ..
        },
    ] = options
    {
        return call(&format!("{name} {below}"), options);
    }
    options.iter().fold(Call::new(name), |call, it| {
        let value = match &it.value {
            CommandDataOptionValue::Boolean(it) => it.to_string(),
            CommandDataOptionValue::Integer(it) => it.to_string(),
            CommandDataOptionValue::Number(it) => it.to_string(),
            CommandDataOptionValue::String(it) => it.clone(),
            CommandDataOptionValue::Autocomplete { value, .. } => value.clone(),
            CommandDataOptionValue::Channel(it) => it.get().to_string(),
            CommandDataOptionValue::User(it) => it.get().to_string(),
            CommandDataOptionValue::Role(it) => it.get().to_string(),
            _ => return call,
        };
        call.with(&it.name, value)
    })
}

/// Until the connection ends for good, or `stop` says so.
pub(super) async fn listen(
    token: &str,
    may_read: bool,
    api: &Api,
    bot: Arc<Bot>,
) -> Result<(), Error> {
    let mut intents = GatewayIntents::GUILDS
        | GatewayIntents::GUILD_MESSAGES
        | GatewayIntents::GUILD_VOICE_STATES;
    if may_read {
        intents |= GatewayIntents::MESSAGE_CONTENT;
    }
    let spent = Arc::new(AtomicBool::new(false));
    let handler = Handler {
        api: api.clone(),
        bot: Arc::clone(&bot),
        spent: Arc::clone(&spent),
        me: Arc::default(),
    };
    let client =
        serenity::client::ClientBuilder::new_with_http(http(token), intents).event_handler(handler);
    let client = bot.mouth().attach(client);
    let mut client = client.await.map_err(|it| wire(&it))?;
    let shards = Arc::clone(&client.shard_manager);
    let watching = tokio::spawn(watch(shards, bot, Arc::clone(&spent)));
    let ended = client.start().await;
    watching.abort();
    if spent.load(Ordering::Relaxed) {
        return Err(Error::Spent {
            used: super::budget::MOST,
        });
    }
    ended.map_err(|it| wire(&it))
}

/// Ends the connection when the bot is to stop; tells systemd that it lives as long as heartbeats are answered.
async fn watch(shards: Arc<ShardManager>, bot: Arc<Bot>, spent: Arc<AtomicBool>) {
    let mut beat = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            () = bot.stopped() => break,
            _ = beat.tick() => {}
        }
        if spent.load(Ordering::Relaxed) {
            break;
        }
        let runners = shards.runners.lock().await;
        let lives = runners
            .values()
            .any(|it| it.stage == ConnectionStage::Connected);
        if lives {
            bot.lives();
        }
    }
    shards.shutdown_all().await;
}

#[derive(Clone)]
struct Handler {
    api: Api,
    bot: Arc<Bot>,
    spent: Arc<AtomicBool>,
    /// The bot's own number.
    me: Arc<AtomicU64>,
}

#[serenity::async_trait]
impl EventHandler for Handler {
    async fn ready(&self, _: Context, ready: Ready) {
        // Counted once it is granted: whoever is not granted one is told so, and ends.
        if self.bot.may_go_on() {
            self.me.store(ready.user.id.get(), Ordering::Relaxed);
            self.bot.ready(&ready.user.name);
        } else {
            self.spent.store(true, Ordering::Relaxed);
        }
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        log::info!("the connection was taken up again where it was lost");
    }

    async fn guild_create(&self, _: Context, guild: Guild, _: Option<bool>) {
        for state in guild.voice_states.values() {
            self.saw(guild.id, state);
        }
    }

    async fn voice_state_update(&self, _: Context, _: Option<VoiceState>, state: VoiceState) {
        if let Some(guild) = state.guild_id {
            self.saw(guild, &state);
        }
    }

    async fn interaction_create(&self, _: Context, interaction: Interaction) {
        match interaction {
            Interaction::Command(it) => self.command(it).await,
            Interaction::Autocomplete(it) => self.complete(it).await,
            Interaction::Component(it) => self.button(it).await,
            _ => {}
        }
    }

    async fn message(&self, _: Context, message: Message) {
        if message.author.bot || message.webhook_id.is_some() || message.content.is_empty() {
            return;
        }
        let Some(guild) = message.guild_id else {
            return;
        };
        let roles = message.member.as_ref().map(|it| numbers(&it.roles));
        let mut asked = asked(
            &message.author,
            message.id.get(),
            None,
            Some(guild),
            message.channel_id,
        );
        asked.guest.roles = roles.unwrap_or_default();
        let bot = Arc::clone(&self.bot);
        let text = message.content.clone();
        let Some(reply) = blocking(move || bot.said(&asked, &text)).await.flatten() else {
            return;
        };
        let answer = made(&reply).reference_message(&message);
        if let Err(error) = message.channel_id.send_message(&self.api.0, answer).await {
            log::warn!(
                "an answer in channel {} was not posted: {error}",
                message.channel_id
            );
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| log::error!("{error}")).ok()
}

impl Handler {
    fn saw(&self, guild: GuildId, state: &VoiceState) {
        let (user, channel) = (state.user_id.get(), state.channel_id.map(ChannelId::get));
        let is_me = user == self.me.load(Ordering::Relaxed);
        self.bot.mouth().saw(guild.get(), user, channel, is_me);
    }

    async fn command(&self, it: CommandInteraction) {
        if !self.bot.is_new(it.id.get()) {
            return;
        }
        let call = call(&it.data.name, &it.data.options);
        let is_public = grammar::command(&call.path).is_some_and(|it| it.is_public);
        let deferred = CreateInteractionResponse::Defer(
            CreateInteractionResponseMessage::new().ephemeral(!is_public),
        );
        // Whoever cannot be answered is not served either: somebody else may have done so.
        if let Err(error) = it.create_response(&self.api.0, deferred).await {
            log::warn!("/{} of {} was too late: {error}", call.path, it.user.id);
            return;
        }
        let asked = asked(
            &it.user,
            it.id.get(),
            it.member.as_deref(),
            it.guild_id,
            it.channel_id,
        );
        let bot = Arc::clone(&self.bot);
        let Some(reply) = blocking(move || bot.answer(&asked, &call)).await else {
            return;
        };
        self.edit_original(&it.token, &reply).await;
        self.follow(it.token.clone(), &reply);
    }

    /// As far as the message comes, the answer says so.
    fn follow(&self, token: String, reply: &Reply) {
        let Some(followed) = reply.follows.clone() else {
            return;
        };
        let title = reply.text.lines().next().unwrap_or_default().to_owned();
        let (handler, bot) = (self.clone(), Arc::clone(&self.bot));
        let handle = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            bot.follow(&followed, EDITED_FOR, &|come| {
                let reply = Reply::text(format!("{title}\n{come}"));
                handle.block_on(handler.edit_original(&token, &reply));
            });
        });
    }

    async fn edit_original(&self, token: &str, reply: &Reply) {
        for attempt in 0..TRIES {
            let edit = EditInteractionResponse::new()
                .content(&reply.text)
                .components(rows(&reply.buttons))
                .allowed_mentions(CreateAllowedMentions::new());
            let edit = match attached(reply) {
                Some(file) => edit.new_attachment(file),
                None => edit,
            };
            let edited = edit.execute(&self.api.0, token).await;
            match edited.map_err(|error| unposted(&error)) {
                Ok(_) => return,
                Err(Unposted::Never(why)) => {
                    log::warn!("an answer was not posted: {why}");
                    return;
                }
                Err(Unposted::Later(why)) if attempt + 1 == TRIES => {
                    log::warn!("an answer was not posted: {why}");
                }
                Err(Unposted::Later(_)) => tokio::time::sleep(super::budget::pause(attempt)).await,
            }
        }
    }

    async fn complete(&self, it: CommandInteraction) {
        let Some(typed) = it.data.autocomplete() else {
            return;
        };
        let path = call(&it.data.name, &it.data.options).path;
        let command = grammar::command(&path);
        let option =
            command.and_then(|command| command.options.iter().find(|it| it.name == typed.name));
        let kind = option.map_or(Kind::Text, |it| it.kind);
        let asked = asked(
            &it.user,
            it.id.get(),
            it.member.as_deref(),
            it.guild_id,
            it.channel_id,
        );
        let (bot, text) = (Arc::clone(&self.bot), typed.value.to_owned());
        let choices = blocking(move || bot.complete(&asked, kind, &text))
            .await
            .unwrap_or_default();
        let choices = choices
            .into_iter()
            .map(|it| AutocompleteChoice::new(it.clone(), it));
        let answer = CreateAutocompleteResponse::new().set_choices(choices.collect());
        let answer = CreateInteractionResponse::Autocomplete(answer);
        if let Err(error) = it.create_response(&self.api.0, answer).await {
            log::warn!("what {} typed was not completed: {error}", it.user.id);
        }
    }

    async fn button(&self, it: ComponentInteraction) {
        if !self.bot.is_new(it.id.get()) {
            return;
        }
        let press = Press::parse(&it.data.custom_id);
        // What all in the channel see is not replaced by an answer to one.
        let in_place = matches!(
            press,
            Some(
                Press::Agents
                    | Press::AskStop { .. }
                    | Press::Problems
                    | Press::Stop { .. }
                    | Press::Broadcast { .. }
                    | Press::Cancel
            )
        );
        let first = if in_place {
            CreateInteractionResponse::Acknowledge
        } else {
            CreateInteractionResponse::Defer(
                CreateInteractionResponseMessage::new().ephemeral(true),
            )
        };
        if let Err(error) = it.create_response(&self.api.0, first).await {
            log::warn!("a button of {} was too late: {error}", it.user.id);
            return;
        }
        let asked = asked(
            &it.user,
            it.id.get(),
            it.member.as_ref(),
            it.guild_id,
            it.channel_id,
        );
        let bot = Arc::clone(&self.bot);
        let reply = blocking(move || bot.pressed(&asked, press.as_ref())).await;
        if let Some(reply) = reply {
            self.edit_original(&it.token, &reply).await;
        }
    }
}

fn asked(
    user: &User,
    id: u64,
    member: Option<&Member>,
    guild: Option<GuildId>,
    channel: ChannelId,
) -> Asked {
    Asked {
        id,
        guest: Guest {
            user: user.id.get(),
            roles: member.map_or_else(Vec::new, |it| numbers(&it.roles)),
        },
        name: user.name.clone(),
        place: Place {
            guild: guild.map(GuildId::get),
            channel: channel.get(),
        },
    }
}

fn numbers(roles: &[RoleId]) -> Vec<u64> {
    roles.iter().map(|it| it.get()).collect()
}
