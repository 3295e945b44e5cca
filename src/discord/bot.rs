//! The bot: what comes in is answered, what waits in its mailbox is posted, what is wrong is told. Its work is in threads that
//! wait; only the wire is asynchronous.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use super::answer::{self, failed};
use super::channels::Bindings;
use super::error::Error;
use super::grammar::{Call, Kind};
use super::incidents::{self, Sign};
use super::lines::{self, Batch};
use super::press::Press;
use super::reply::{Followed, Reply};
use super::settings::Settings;
use super::visit::{House, Place};
use super::wire::{self, Api, Unposted};
use super::{bang, budget, complete, inward, kept, outward};
use crate::desk::Desk;
use crate::logs::{Filter, Merged, Waker};
use crate::mailbox::{Claim, Message, Status, Taken};
use crate::names::{AgentId, Caller, Channel, Guest, Level};
use crate::root::Home;
use crate::time::Now;

/// So many interactions are known again.
const KNOWN: usize = 10_000;
/// A message of its own mailbox is posted within this time, or it is taken again.
const LEASE: Duration = Duration::from_mins(10);
/// To say goodbye.
const TO_LEAVE: Duration = Duration::from_secs(5);
/// A life without a fault for so long makes the next fault the first.
const WELL: Duration = Duration::from_mins(5);

/// Where slash commands are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// There at once.
    Guild(u64),
    Global,
    None,
}

/// How a bot begins.
pub struct Start<'s> {
    pub settings: Settings,
    /// As whom it speaks.
    pub own: Caller,
    pub token: &'s str,
    pub register: Register,
    /// For the agents that it starts.
    pub environment: Vec<(OsString, OsString)>,
}

/// Somebody asks.
pub(super) struct Asked {
    pub(super) id: u64,
    pub(super) guest: Guest,
    pub(super) name: String,
    pub(super) place: Place,
}

/// Told when it is to stop, when it is connected, and that it lives.
pub trait Keeper: Send + Sync {
    fn ready(&self, name: &str);
    fn lives(&self);
}

pub(super) struct Bot {
    house: House,
    known: Mutex<(HashSet<u64>, VecDeque<u64>)>,
    stop: tokio::sync::watch::Receiver<bool>,
    keeper: Box<dyn Keeper>,
    is_over: AtomicBool,
    /// How often a session was asked for in this life of the connection.
    identified: AtomicU32,
}

/// Runs until `is_stopped`, which is asked whenever the calling thread is unparked, or until a fault that no waiting cures.
pub fn run(
    home: &Home,
    start: Start<'_>,
    is_stopped: &dyn Fn() -> bool,
    keeper: Box<dyn Keeper>,
) -> Result<(), Error> {
    let _alone = kept::alone(home)?;
    let Start {
        settings,
        own,
        token,
        register,
        environment,
    } = start;
    let api = Api::new(token);
    let house = House::new(home.clone(), settings, own, environment);
    make_mailbox(&house)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let bot = Arc::new(Bot {
        house,
        known: Mutex::default(),
        stop: stopped,
        keeper,
        is_over: AtomicBool::new(false),
        identified: AtomicU32::new(0),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::Wire(error.to_string()))?;
    let (served, token) = (Arc::clone(&bot), token.to_owned());
    let caller = std::thread::current();
    let serving = runtime.spawn(async move {
        let came = serve(&served, &api, &token, register).await;
        caller.unpark();
        came
    });
    while !is_stopped() && !serving.is_finished() {
        std::thread::park();
    }
    bot.is_over.store(true, Ordering::Relaxed);
    // Whoever has ended needs to be told nothing.
    let _ = stop.send(true);
    let came = runtime.block_on(async { tokio::time::timeout(TO_LEAVE, serving).await });
    // Threads that wait for mail end with the process.
    runtime.shutdown_background();
    match came {
        Ok(Ok(came)) => came,
        Ok(Err(error)) => Err(Error::Wire(error.to_string())),
        // The connection ends with the process as well.
        Err(_) => Ok(()),
    }
}

async fn serve(bot: &Arc<Bot>, api: &Api, token: &str, register: Register) -> Result<(), Error> {
    let mut attempt = 0;
    let name = loop {
        match api.whoami().await {
            Ok(name) => break name,
            Err(Error::Wire(why)) => bot.wait_after(&why, &mut attempt).await?,
            Err(error) => return Err(error),
        }
        if bot.is_stopped() {
            return Ok(());
        }
    };
    log::info!("this is {name}");
    api.register(register).await?;
    bot.start_threads(api);
    let mut attempt = 0;
    while !bot.is_stopped() {
        let began = Instant::now();
        bot.identified.store(0, Ordering::Relaxed);
        budget::spend(&bot.house.home, Now::read().wall)?;
        match wire::listen(
            token,
            bot.house.settings.message_content,
            api,
            Arc::clone(bot),
        )
        .await
        {
            Ok(()) if bot.is_stopped() => break,
            Err(Error::Wire(why)) => {
                attempt = if began.elapsed() > WELL { 0 } else { attempt };
                bot.wait_after(&why, &mut attempt).await?;
            }
            Ok(()) => bot.wait_after("the connection ended", &mut attempt).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// So that it can be written to before it was ever written to.
fn make_mailbox(house: &House) -> Result<(), Error> {
    let desk = house.desk()?;
    if desk.counts(&house.own.agent, Now::read()).is_ok() {
        return Ok(());
    }
    let owner = Caller {
        agent: AgentId::user(),
        incarnation: None,
        ..house.own.clone()
    };
    Ok(desk
        .speaking_as(owner)
        .make_mailbox_of(&house.own.agent, Now::read())?)
}

impl Bot {
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // Whoever could say so is gone: then it is over as well.
        let _ = stop.wait_for(|it| *it).await;
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.is_stopped()
    }

    async fn wait_after(&self, why: &str, attempt: &mut u32) -> Result<(), Error> {
        let pause = budget::pause(*attempt);
        *attempt += 1;
        log::warn!("{why}; again in {} s", pause.as_secs());
        tokio::select! {
            () = self.stopped() => {}
            () = tokio::time::sleep(pause) => {}
        }
        Ok(())
    }

    pub(super) fn ready(&self, name: &str) {
        self.keeper.ready(name);
    }

    pub(super) fn lives(&self) {
        self.keeper.lives();
    }

    /// A new session within one life of the bot: the first was counted before it was asked for.
    pub(super) fn may_identify(&self) -> bool {
        if self.identified.fetch_add(1, Ordering::Relaxed) == 0 {
            return true;
        }
        match budget::spend(&self.house.home, Now::read().wall) {
            Ok(_) => true,
            Err(error) => {
                log::error!("{error}");
                false
            }
        }
    }

    /// Whether it comes for the first time: Discord may tell of the same one twice.
    pub(super) fn is_new(&self, id: u64) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.0.insert(id) {
            return false;
        }
        known.1.push_back(id);
        if known.1.len() > KNOWN
            && let Some(oldest) = known.1.pop_front()
        {
            known.0.remove(&oldest);
        }
        true
    }

    fn is_elsewhere(&self, place: &Place) -> bool {
        let wanted = self.house.settings.guild;
        place
            .guild
            .is_none_or(|it| wanted.is_some_and(|wanted| wanted.0 != it))
    }

    fn visiting<T>(
        &self,
        asked: &Asked,
        what: impl FnOnce(&super::visit::Visit) -> T,
    ) -> Result<T, Error> {
        let visit = self.house.visit(
            asked.id,
            asked.guest.clone(),
            asked.name.clone(),
            asked.place.clone(),
        )?;
        Ok(what(&visit))
    }

    pub(super) fn answer(&self, asked: &Asked, call: &Call) -> Reply {
        if self.is_elsewhere(&asked.place) {
            return Reply::text(
                "Error: not here\n> commands are answered on the server that config/discord.yaml names",
            );
        }
        self.visiting(asked, |visit| answer::answer(visit, call))
            .unwrap_or_else(|error| failed(&error))
    }

    pub(super) fn pressed(&self, asked: &Asked, press: Option<&Press>) -> Reply {
        let Some(press) = press.filter(|_| !self.is_elsewhere(&asked.place)) else {
            return Reply::text("Error: nobody here made that button");
        };
        self.visiting(asked, |visit| answer::pressed(visit, press))
            .unwrap_or_else(|error| failed(&error))
    }

    pub(super) fn complete(&self, asked: &Asked, kind: Kind, typed: &str) -> Vec<String> {
        if self.is_elsewhere(&asked.place) {
            return Vec::new();
        }
        let choices = self.visiting(asked, |visit| complete::choices(visit, kind, typed));
        choices.and_then(|it| it).unwrap_or_default()
    }

    /// What is said in a channel: a command of the original's, or mail for whom the channel belongs to.
    pub(super) fn said(&self, asked: &Asked, text: &str) -> Option<Reply> {
        if self.is_elsewhere(&asked.place) {
            return None;
        }
        let prefix = &self.house.settings.prefix;
        if !prefix.is_empty()
            && let Some(parsed) = bang::parse(text, prefix)
        {
            // As of an interaction: the same twice is done once.
            if !self.is_new(asked.id) {
                return None;
            }
            return Some(match parsed {
                Ok(call) => self.answer(asked, &call),
                Err(why) => Reply::text(why.to_string()),
            });
        }
        let delivered = Bindings::load(&self.house.home).and_then(|bindings| {
            let Some(agent) = bindings.agent(asked.place.channel) else {
                return Ok(());
            };
            self.visiting(asked, |visit| inward::deliver(visit, agent, text))?
                .map(drop)
        });
        delivered.err().map(|error| failed(&error))
    }

    /// Tells how far a message has come, until it is closed or `most` is over.
    pub(super) fn follow(&self, followed: &Followed, most: Duration, tell: &dyn Fn(&str)) {
        let caller = Caller {
            agent: followed.by.clone(),
            ..self.house.own.clone()
        };
        let until = Instant::now() + most;
        let traced = self
            .house
            .desk()
            .and_then(|desk| Ok(desk.speaking_as(caller).trace(&followed.at)?));
        let mut trace = match traced {
            Ok(trace) => trace,
            Err(error) => return log::warn!("{} is not followed: {error}", followed.at),
        };
        let mut told = Status::Queued;
        while !self.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            let came = trace.wait(&|it| it.message.status != told, Some(left), &|| {
                self.is_over()
            });
            match came {
                Ok(Some(history)) => {
                    told = history.message.status;
                    tell(&outward::come(&followed.at, told));
                    if !told.is_pending() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return log::warn!("{} is not followed: {error}", followed.at),
            }
        }
    }
}

// What it does by itself.

impl Bot {
    fn start_threads(self: &Arc<Self>, api: &Api) {
        let handle = tokio::runtime::Handle::current();
        let (bot, out) = (Arc::clone(self), api.clone());
        let runtime = handle.clone();
        tokio::task::spawn_blocking(move || bot.post_mail(&out, &runtime));
        let settings = &self.house.settings.channels;
        if settings.alerts.is_some() || settings.logs.is_some() || settings.devlog.is_some() {
            let (bot, out) = (Arc::clone(self), api.clone());
            tokio::task::spawn_blocking(move || bot.follow_logs(&out, &handle));
        }
    }

    /// Its own mailbox, one message after the other: each is acknowledged once it is posted.
    fn post_mail(&self, api: &Api, runtime: &tokio::runtime::Handle) {
        let mut attempt = 0;
        while !self.is_over() {
            let taken = self.house.desk().and_then(|desk| {
                let own = &self.house.own.agent;
                let taken = desk.next_wait(own, LEASE, None, &|| self.is_over())?;
                taken
                    .map(|it| self.post(&desk, &it, api, runtime))
                    .transpose()
            });
            attempt = match taken {
                Ok(_) => 0,
                Err(error) => {
                    log::warn!("{error}");
                    std::thread::sleep(budget::pause(attempt));
                    attempt + 1
                }
            };
        }
    }

    fn post(
        &self,
        desk: &Desk,
        taken: &Taken,
        api: &Api,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), Error> {
        let message = &taken.message;
        let at = crate::mailbox::Address {
            mailbox: message.to.clone(),
            seq: message.seq,
        };
        let claim = Claim {
            token: Some(taken.token.clone()),
            force: false,
        };
        let posted = match self.channel_of(desk, message)? {
            None => Err(
                "it belongs to no channel: config/discord.yaml, channels.announcements".to_owned(),
            ),
            Some(channel) => self.post_whole(message, channel, api, runtime),
        };
        match posted {
            Ok(()) => {
                desk.ack(&at, &claim, Now::read())?;
            }
            Err(why) => {
                log::warn!("{at} was not posted: {why}");
                desk.nack(&at, &claim, Now::read())?;
            }
        }
        Ok(())
    }

    /// Where it goes: whoever began the thread there reads the answer there.
    fn channel_of(&self, desk: &Desk, message: &Message) -> Result<Option<u64>, Error> {
        let bindings = Bindings::load(&self.house.home)?;
        let mut begun_in = None;
        if let Some(answered) = message.reply_to.or(message.thread) {
            let found = desk
                .find(&answered.to_string())
                .and_then(|at| desk.message(&at));
            begun_in = found.ok().and_then(|it| outward::said_in(&it));
        }
        Ok(outward::channel(
            message,
            begun_in,
            &bindings,
            &self.house.settings,
        ))
    }

    /// Piece by piece; what Discord cannot take now it gets later.
    fn post_whole(
        &self,
        message: &Message,
        channel: u64,
        api: &Api,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), String> {
        for (n, piece) in outward::posts(message).iter().enumerate() {
            let mut attempt = 0;
            loop {
                let nonce = Some(outward::nonce(message, n));
                match runtime.block_on(api.post(channel, piece, nonce)) {
                    Ok(_) => break,
                    Err(Unposted::Never(why)) => return Err(why),
                    Err(Unposted::Later(why)) => {
                        if self.is_over() {
                            return Err(why);
                        }
                        let pause = budget::pause(attempt);
                        log::warn!("{why}; again in {} s", pause.as_secs());
                        std::thread::sleep(pause);
                        attempt += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Incidents, devlogs and log lines, from where they were left.
    fn follow_logs(&self, api: &Api, runtime: &tokio::runtime::Handle) {
        let mut attempt = 0;
        while !self.is_over() {
            match self.follow_logs_once(api, runtime) {
                Ok(()) => return,
                Err(error) => {
                    log::warn!("{error}");
                    std::thread::sleep(budget::pause(attempt));
                    attempt += 1;
                }
            }
        }
    }

    fn follow_logs_once(&self, api: &Api, runtime: &tokio::runtime::Handle) -> Result<(), Error> {
        let home = &self.house.home;
        let mut waker = Waker::new(home);
        let seen = incidents::load(home)?
            .seen
            .unwrap_or_else(|| Now::read().wall);
        let filter = Filter {
            since: Some(seen),
            ..Filter::default()
        };
        let mut all = Merged::all(home, &Channel::ALL, filter)?;
        let (mut batch, mut devlog) = (Batch::default(), Batch::default());
        let mut posted = Instant::now();
        while !self.is_over() {
            let mut last = None;
            while let Some(line) = all.next()? {
                last = Some(line.at);
                self.note(&line, api, runtime)?;
                let level = crate::logs::fields(&line.bytes);
                let level = level
                    .get("level")
                    .and_then(|it| it.as_str())
                    .and_then(Level::parse);
                if level.is_some_and(|it| it >= self.house.settings.log_level.0) {
                    batch.add(&lines::told(&line));
                }
                if line.channel == Channel::Devlog {
                    devlog.add(&lines::told(&line));
                }
            }
            if posted.elapsed() >= lines::PAUSE {
                let channels = &self.house.settings.channels;
                for (channel, batch) in
                    [(channels.logs, &mut batch), (channels.devlog, &mut devlog)]
                {
                    let Some(reply) = batch.take() else { continue };
                    let Some(channel) = channel else { continue };
                    if let Err(why) = runtime.block_on(api.post(channel.0, &reply, None)) {
                        log::warn!("lines were not posted: {why:?}");
                    }
                    posted = Instant::now();
                }
            }
            if let Some(at) = last {
                incidents::change(home, |it| it.seen = Some(at))?;
            }
            waker.rest();
        }
        Ok(())
    }

    /// What the line has to do with an incident is posted, or edited where it stands.
    fn note(
        &self,
        line: &crate::logs::Line,
        api: &Api,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), Error> {
        let (Some(channel), Some(sign)) = (self.house.settings.channels.alerts, Sign::of(line))
        else {
            return Ok(());
        };
        let home = &self.house.home;
        let changed = incidents::change(home, |all| all.note(&sign))?;
        for key in changed {
            let all = incidents::load(home)?;
            let Some((reply, incident)) = all.told(&key, Now::read().wall) else {
                continue;
            };
            let came = if let Some(message) = incident.message {
                let edited = runtime.block_on(api.edit(channel.0, message, &reply));
                edited.map(|()| message)
            } else {
                let first = format!("{key} {}", incident.first);
                let nonce = format!("{:x}", xxh3_64(first.as_bytes()));
                runtime.block_on(api.post(channel.0, &reply, Some(nonce)))
            };
            match came {
                Ok(message) => incidents::change(home, |all| all.posted(&key, message))?,
                Err(why) => log::warn!("{key} was not told: {why:?}"),
            }
        }
        Ok(())
    }
}
