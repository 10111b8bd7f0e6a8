//! Attach and detach: checked by the speaker, done by the dataplane, then told to the world.
//!
//! ```text
//! attach: prepare ──> driver ──┬─ plugged ──> commit, routes go out ──> 200
//!                              └─ refused ──> abort, nothing remains ─> 400 or 500
//! detach: routes withdrawn ──> driver ──> 200
//! ```

use std::collections::{BTreeMap, VecDeque};

use dataplane::DriverError;
use vpn::{
    AnyIntent, AttachRequest, AttachToken, DetachRequest, IntentChange, IpVpnIntent, NO_MAC,
};

use super::{Core, Reply, convert, refusal};
use crate::{
    rest::HttpError,
    store::{Key, Memo},
};

/// Something to be done to an instance.
pub(super) enum Operation {
    Attach(Box<AttachRequest>, Answer),
    Detach(DetachRequest, Answer),
}

/// What is to be answered when it is done, and kept.
pub(super) struct Answer {
    pub(super) to: To,
    pub(super) memo: Option<Memo>,
}

/// Who is answered.
pub(super) enum To {
    Client(Reply),
    /// Nobody, where the daemon does it by itself: the log is told of what cannot be done, by this name.
    Log(String),
}

/// The instances that are being worked on, by external id, with what waits for each.
#[derive(Default)]
pub(super) struct Operations(BTreeMap<String, VecDeque<Operation>>);

impl Operations {
    /// How many wait for those before them.
    pub(super) fn waiting(&self) -> usize {
        self.0.values().map(VecDeque::len).sum()
    }

    /// Whether nothing is being done or waits for it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The dataplane is done with an operation.
pub(super) struct Done {
    external_id: String,
    /// Of an attach.
    token: Option<AttachToken>,
    result: Result<(), DriverError>,
    answer: Answer,
}

/// An intent for the driver of its type.
enum Change {
    Evpn(IntentChange),
    IpVpn(IntentChange<IpVpnIntent>),
}

impl Operation {
    fn external_id(&self) -> &str {
        match self {
            Self::Attach(request, _) => &request.external_id,
            Self::Detach(request, _) => &request.external_id,
        }
    }
}

impl Core {
    /// Starts an operation, or puts it behind those of the same instance.
    pub(super) fn queue(&mut self, operation: Operation) {
        let external_id = operation.external_id().to_owned();
        if let Some(waiting) = self.operations.0.get_mut(&external_id) {
            waiting.push_back(operation);
            return;
        }
        self.operations
            .0
            .insert(external_id.clone(), VecDeque::new());
        if self.start_operation(operation) {
            self.next(&external_id);
        }
    }

    /// Starts an attach. What it is kept as is what attaches it again.
    pub(super) fn attach(&mut self, request: AttachRequest, reply: Reply) {
        let memo = self.store.is_some().then(|| {
            let body = serde_json::to_string(&convert::body(&request)).unwrap_or_default();
            let with_address = request.ip.is_some();
            Memo::Put {
                key: key_of(&request),
                replaces: with_address.then(|| Key::new(&request.external_id, request.mac, "")),
                body,
            }
        });
        let to = To::Client(reply);
        self.queue(Operation::Attach(Box::new(request), Answer { to, memo }));
    }

    /// Starts a detach. What is asked to be gone is not kept, whether it was there or not.
    pub(super) fn detach(&mut self, request: DetachRequest, to: To) {
        // What of it there is is known when those before it are done.
        self.queue(Operation::Detach(request, Answer { to, memo: None }));
    }

    /// The attachments that a detach takes away, now.
    fn detached(&self, request: &DetachRequest) -> Vec<Key> {
        let (instance, mac) = (&request.external_id, request.mac);
        if let Some(linuxif) = request.linuxif.as_ref().filter(|_| mac == NO_MAC) {
            return vec![Key::of_port(instance, linuxif)];
        }
        match &request.ip {
            Some(ip) => {
                let address = ip.address();
                let mut keys = vec![Key::new(instance, mac, &address.to_string())];
                let mut rest = self.speaker.vpns().addresses_of(instance, mac);
                // With its last address the MAC goes, and with it what was asked for it without one.
                if rest.all(|rest| rest == Some(address)) {
                    keys.push(Key::new(instance, mac, ""));
                }
                keys
            }
            None => {
                let addresses = self.speaker.vpns().addresses_of(instance, mac).flatten();
                let texts = addresses.map(|ip| ip.to_string()).chain([String::new()]);
                texts.map(|ip| Key::new(instance, mac, &ip)).collect()
            }
        }
    }

    /// Answers, once what has to be kept is on the disk.
    fn answer(&mut self, answer: Answer, outcome: Result<(), HttpError>) {
        let Answer { to, memo } = answer;
        let memo = memo.filter(|memo| outcome.is_ok() || matches!(memo, Memo::Remove { .. }));
        for key in memo.iter().flat_map(Memo::keys) {
            self.unconfirmed.remove(key);
        }
        let not_kept = match memo {
            Some(Memo::Remove { .. }) => refusal::not_forgotten,
            _ => refusal::not_kept,
        };
        let written = memo.and_then(|memo| Some(self.store.as_ref()?.write(memo)));
        // Nobody has to be there to hear it: what was asked for has been done.
        match (to, written) {
            (To::Client(to), Some(written)) => {
                tokio::spawn(async move {
                    // The thread that writes is only gone when the daemon ends.
                    let outcome = match written.await {
                        Ok(Err(error)) => Err(not_kept(&error)),
                        Ok(Ok(())) | Err(_) => outcome,
                    };
                    to.send(outcome).ok();
                });
            }
            (To::Client(to), None) => {
                to.send(outcome).ok();
            }
            (To::Log(name), _) => {
                if let Err(error) = outcome {
                    tracing::warn!(
                        "{name} was kept, and is neither attached nor detached as it should be: {}",
                        error.description
                    );
                }
            }
        }
    }

    /// Takes in what the dataplane made of an operation.
    pub(super) fn on_done(&mut self, done: Done) {
        let Done {
            external_id,
            token,
            result,
            answer,
        } = done;
        let outcome = match (token, result) {
            (Some(token), Ok(())) => {
                let output = self.speaker.commit(token);
                self.deliver(output);
                Ok(())
            }
            (Some(token), Err(error)) => {
                let output = self.speaker.abort(token);
                self.deliver(output);
                Err(refusal::plug(&error))
            }
            (None, Ok(())) => Ok(()),
            (None, Err(error)) => {
                // Detached it is. An instance that is no more the driver's task will try to remove by itself.
                self.speaker.change_again(&external_id);
                Err(refusal::unplug(&error))
            }
        };
        self.changed();
        self.answer(answer, outcome);
        self.flush();
        self.next(&external_id);
    }

    /// Starts what waits for an instance, up to the first operation that takes time.
    fn next(&mut self, external_id: &str) {
        while let Some(waiting) = self.operations.0.get_mut(external_id) {
            match waiting.pop_front() {
                None => {
                    self.operations.0.remove(external_id);
                }
                Some(operation) => {
                    if !self.start_operation(operation) {
                        return;
                    }
                }
            }
        }
    }

    /// Starts an operation; true if it is over already.
    fn start_operation(&mut self, operation: Operation) -> bool {
        match operation {
            Operation::Attach(request, answer) => self.start_attach(*request, answer),
            Operation::Detach(request, answer) => self.start_detach(&request, answer),
        }
    }

    fn start_attach(&mut self, request: AttachRequest, answer: Answer) -> bool {
        let external_id = request.external_id.clone();
        // Removals that this attach may depend on, of a name or a VNI, go first.
        self.flush();
        match self.speaker.prepare_attach(request) {
            Err(error) => {
                self.answer(answer, Err(refusal::attach(&error)));
                true
            }
            Ok(prepared) => {
                // An E-VPN instance that it plugs in: made in any order, and refused together.
                let mut others = Vec::new();
                for change in self.speaker.take_intents() {
                    others.push(self.driver.request(change));
                }
                let change = match prepared.intent {
                    AnyIntent::Evpn(intent) => Change::Evpn(IntentChange::Set(intent)),
                    AnyIntent::IpVpn(intent) => Change::IpVpn(IntentChange::Set(intent)),
                };
                self.request(change, others, external_id, Some(prepared.token), answer);
                false
            }
        }
    }

    fn start_detach(&mut self, request: &DetachRequest, mut answer: Answer) -> bool {
        let external_id = &request.external_id;
        if self.store.is_some() {
            let keys = self.detached(request);
            answer.memo = Some(Memo::Remove { keys });
        }
        let instance = self.speaker.vpns().id_of(external_id);
        match self.speaker.detach(request) {
            Err(error) => {
                self.answer(answer, Err(refusal::detach(&error)));
                true
            }
            Ok(output) => {
                self.deliver(output);
                let mut own = None;
                let mut others = Vec::new();
                for change in self.speaker.take_intents() {
                    if Some(change.instance()) == instance {
                        own = Some(Change::Evpn(change));
                    } else {
                        // One that was plugged in, mostly: it is unplugged when this is answered.
                        others.push(self.driver.request(change));
                    }
                }
                for change in self.speaker.take_ipvpn_intents() {
                    if Some(change.instance()) == instance {
                        own = Some(Change::IpVpn(change));
                    } else if let Some(driver) = &self.ipvpn {
                        driver.submit(change);
                    }
                }
                match own {
                    Some(change) => {
                        self.request(change, others, external_id.clone(), None, answer);
                        false
                    }
                    None => {
                        self.answer(answer, Ok(()));
                        true
                    }
                }
            }
        }
    }

    /// Asks the dataplane for a change; the answer comes back as an event.
    fn request(
        &self,
        change: Change,
        others: Vec<impl Future<Output = Result<(), DriverError>> + Send + 'static>,
        external_id: String,
        token: Option<AttachToken>,
        answer: Answer,
    ) {
        let (evpn, ipvpn) = match change {
            Change::Evpn(change) => (Some(self.driver.request(change)), None),
            Change::IpVpn(change) => {
                let driver = self.ipvpn.as_ref();
                (None, driver.map(|driver| driver.request(change)))
            }
        };
        let done = self.done.clone();
        tokio::spawn(async move {
            let mut result = Ok(());
            for other in others {
                result = result.and(other.await);
            }
            let own = match (evpn, ipvpn) {
                (Some(answer), _) => answer.await,
                (None, Some(answer)) => answer.await,
                // Without driver there are no instances either.
                (None, None) => Err(DriverError::Stopped),
            };
            let result = own.and(result);
            // The core is only gone when the daemon ends.
            done.send(Done {
                external_id,
                token,
                result,
                answer,
            })
            .ok();
        });
    }
}

/// Names an attachment in the store.
pub(super) fn key_of(request: &AttachRequest) -> Key {
    if request.is_of_port() {
        return Key::of_port(&request.external_id, &request.local_port.linuxif);
    }
    let ip = request.ip.as_ref().map(|ip| ip.address().to_string());
    Key::new(&request.external_id, request.mac, &ip.unwrap_or_default())
}
