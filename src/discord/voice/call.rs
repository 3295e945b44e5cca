//! The library that speaks in voice channels: Discord's voice gateway, RTP and end-to-end encryption (DAVE). Named here alone.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serenity::client::ClientBuilder;
use songbird::driver::{Scheduler, SchedulerConfig};
use songbird::events::context_data::DisconnectReason;
use songbird::events::{Event, EventContext, EventData, EventHandler, TrackEvent};
use songbird::input::Input;
use songbird::tracks::{PlayMode, Track};
use songbird::{Config, CoreEvent, Songbird};
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::Sleep;

use super::place::Room;
use crate::speech::Audio;

/// A file of unknown length is given so long, and a second for each so many bytes: half of the least that speech takes.
const AT_LEAST: Duration = Duration::from_secs(30);
const BYTES_A_SECOND: u64 = 1000;
const TO_BE_TOLD: Duration = Duration::from_secs(2);
/// It takes a few round trips until one is a member of the group that has the keys of a call. Till then the library
/// sends in the clear, which members do not play and others could; it tells nobody when that is over.
const TO_BE_ADMITTED: Duration = Duration::from_secs(1);

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// To its end.
    Whole,
    /// Nobody can play it.
    Never(String),
    /// Not this time.
    Later(String),
}

pub(super) struct Call {
    manager: Arc<Songbird>,
    /// The connection is no longer what it was: it must be made anew.
    is_lost: Arc<AtomicBool>,
    /// Counts up whenever a call ends.
    ended: watch::Sender<u64>,
    /// Discord told that the bot is in no channel.
    out: Notify,
    /// Until what is said will be encrypted.
    admission: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Call {
    pub(super) fn new() -> Self {
        Self {
            manager: Songbird::serenity(),
            is_lost: Arc::default(),
            ended: watch::Sender::new(0),
            out: Notify::new(),
            admission: Mutex::default(),
        }
    }

    pub(super) fn attach(&self, client: ClientBuilder) -> ClientBuilder {
        client.voice_manager_arc(Arc::clone(&self.manager) as _)
    }

    /// Discord knows nothing of what was before.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
        self.ended.send_modify(|it| *it += 1);
    }

    /// There until it returns an error, and at once if it is there already.
    pub(super) async fn join(&self, room: Room) -> Result<(), String> {
        let (Some(guild), Some(channel)) =
            (NonZeroU64::new(room.guild), NonZeroU64::new(room.channel))
        else {
            return Err("no channel has the number 0".into());
        };
        let is_lost = self.is_lost.swap(false, Ordering::SeqCst);
        if let Some(call) = self.manager.get(guild) {
            let call = call.lock().await;
            let there = call.current_connection().map(|it| it.channel_id);
            if !is_lost && there.is_some_and(|it| it.0 == channel) {
                return Ok(());
            }
            drop(call);
            if is_lost {
                // As if it had never been: what it still has is of no use.
                self.forget(guild).await;
            }
        }
        let ticking = Scheduler::new(SchedulerConfig::default());
        self.manager
            .set_config(Config::default().scheduler(ticking));
        let joined = self.manager.join(guild, channel).await;
        let call = match joined {
            Ok(call) => call,
            Err(error) => {
                self.forget(guild).await;
                return Err(error.to_string());
            }
        };
        *self.admission.lock().await = Some(Box::pin(tokio::time::sleep(TO_BE_ADMITTED)));
        let mut call = call.lock().await;
        call.remove_all_global_events();
        let gone = Gone {
            is_lost: Arc::clone(&self.is_lost),
            ended: self.ended.clone(),
        };
        call.add_global_event(Event::Core(CoreEvent::DriverDisconnect), gone);
        Ok(())
    }

    /// Until Discord has said so as well: what it says later would be taken for a word on the next call.
    async fn forget(&self, guild: NonZeroU64) {
        let mut out = std::pin::pin!(self.out.notified());
        out.as_mut().enable();
        // Whoever cannot be told does not know of it either.
        let is_told = self.manager.remove(guild).await.is_ok();
        // The one that it had ticks on fifty times a second, as long as anybody holds it.
        self.manager.set_config(Config::default());
        if is_told {
            // It says nothing of what it had forgotten.
            let _ = tokio::time::timeout(TO_BE_TOLD, out).await;
        }
    }

    pub(super) fn is_out(&self) {
        self.out.notify_waiters();
    }

    pub(super) async fn leave(&self, guild: u64) {
        self.ended.send_modify(|it| *it += 1);
        if let Some(guild) = NonZeroU64::new(guild) {
            self.forget(guild).await;
        }
    }

    /// To the end of the file, of the connection, or of all patience.
    pub(super) async fn play(&self, guild: u64, audio: Audio) -> Heard {
        let call = NonZeroU64::new(guild).and_then(|it| self.manager.get(it));
        let Some(call) = call else {
            return Heard::Later("it is in no channel".into());
        };
        let most = match audio.duration() {
            Some(it) => AT_LEAST + it * 2,
            None => AT_LEAST + Duration::from_secs(audio.bytes.len() as u64 / BYTES_A_SECOND),
        };
        let mut ended = self.ended.subscribe();
        let mut admission = self.admission.lock().await;
        if let Some(over) = admission.as_mut() {
            tokio::select! {
                () = over => *admission = None,
                _ = ended.changed() => return Heard::Later("the call has ended".into()),
            }
        }
        drop(admission);
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut track = Track::new(Input::from(audio.bytes));
        for event in [TrackEvent::End, TrackEvent::Error] {
            let ear = Ear(tell.clone());
            let event = EventData::new(Event::Track(event), ear);
            track.events.add_event(event, Duration::ZERO);
        }
        let track = call.lock().await.play(track);
        let heard = tokio::select! {
            heard = told.recv() => heard.unwrap_or_else(|| Heard::Later("the call has ended".into())),
            _ = ended.changed() => Heard::Later("the call has ended".into()),
            () = tokio::time::sleep(most) => {
                Heard::Later(format!("it was not heard within {} s", most.as_secs()))
            }
        };
        // What has ended already needs no end.
        let _ = track.stop();
        heard
    }
}

/// Tells how a file ended.
struct Ear(mpsc::UnboundedSender<Heard>);

#[async_trait::async_trait]
impl EventHandler for Ear {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        if let EventContext::Track([(state, _), ..]) = context {
            let heard = match &state.playing {
                PlayMode::End => Heard::Whole,
                PlayMode::Errored(error) => Heard::Never(error.to_string()),
                _ => Heard::Later("it was stopped".into()),
            };
            // Nobody listens any more once his patience is over.
            let _ = self.0.send(heard);
        }
        None
    }
}

/// Tells that a connection ended which nobody ended here.
struct Gone {
    is_lost: Arc<AtomicBool>,
    ended: watch::Sender<u64>,
}

#[async_trait::async_trait]
impl EventHandler for Gone {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        if let EventContext::DriverDisconnect(data) = context
            && let Some(reason) = &data.reason
            && !matches!(
                reason,
                DisconnectReason::Requested | DisconnectReason::AttemptDiscarded
            )
        {
            log::warn!("the voice connection ended: {reason:?}");
            self.is_lost.store(true, Ordering::SeqCst);
            self.ended.send_modify(|it| *it += 1);
        }
        None
    }
}
