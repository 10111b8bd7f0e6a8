//! Attach and detach: checked by the speaker, done by the dataplane, then told to the world.
//!
//! ```text
//! attach: prepare ──> driver ──┬─ plugged ──> commit, routes go out ──> 200
//!                              └─ refused ──> abort, nothing remains ─> 400 or 500
//! detach: routes withdrawn ──> driver ──> 200
//! ```

use std::collections::{BTreeMap, VecDeque};

use dataplane::DriverError;
use vpn::{AnyIntent, AttachRequest, AttachToken, DetachRequest, IntentChange, IpVpnIntent};

use super::{Core, Reply, refusal};

/// Something to be done to an instance.
pub(super) enum Operation {
    Attach(Box<AttachRequest>, Reply),
    Detach(DetachRequest, Reply),
}

/// The instances that are being worked on, by external id, with what waits for each.
#[derive(Default)]
pub(super) struct Operations(BTreeMap<String, VecDeque<Operation>>);

/// The dataplane is done with an operation.
pub(super) struct Done {
    external_id: String,
    /// Of an attach.
    token: Option<AttachToken>,
    result: Result<(), DriverError>,
    reply: Reply,
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

    /// Takes in what the dataplane made of an operation.
    pub(super) fn on_done(&mut self, done: Done) {
        let Done {
            external_id,
            token,
            result,
            reply,
        } = done;
        let answer = match (token, result) {
            (Some(token), Ok(())) => {
                let output = self.speaker.commit(token);
                self.deliver(output);
                Ok(())
            }
            (Some(token), Err(error)) => {
                self.speaker.abort(token);
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
        // Nobody has to be there to hear it: what was asked for has been done.
        reply.send(answer).ok();
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
            Operation::Attach(request, reply) => self.start_attach(*request, reply),
            Operation::Detach(request, reply) => self.start_detach(&request, reply),
        }
    }

    fn start_attach(&mut self, request: AttachRequest, reply: Reply) -> bool {
        let external_id = request.external_id.clone();
        // Removals that this attach may depend on, of a name or a VNI, go first.
        self.flush();
        match self.speaker.prepare_attach(request) {
            Err(error) => {
                reply.send(Err(refusal::attach(&error))).ok();
                true
            }
            Ok(prepared) => {
                let change = match prepared.intent {
                    AnyIntent::Evpn(intent) => Change::Evpn(IntentChange::Set(intent)),
                    AnyIntent::IpVpn(intent) => Change::IpVpn(IntentChange::Set(intent)),
                };
                self.request(change, external_id, Some(prepared.token), reply);
                false
            }
        }
    }

    fn start_detach(&mut self, request: &DetachRequest, reply: Reply) -> bool {
        let external_id = &request.external_id;
        let instance = self
            .speaker
            .vpns()
            .instance(external_id)
            .map(|view| view.id);
        match self.speaker.detach(request) {
            Err(error) => {
                reply.send(Err(refusal::detach(&error))).ok();
                true
            }
            Ok(output) => {
                self.deliver(output);
                let mut own = None;
                for change in self.speaker.take_intents() {
                    if Some(change.instance()) == instance {
                        own = Some(Change::Evpn(change));
                    } else {
                        self.driver.submit(change);
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
                        self.request(change, external_id.clone(), None, reply);
                        false
                    }
                    None => {
                        reply.send(Ok(())).ok();
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
        external_id: String,
        token: Option<AttachToken>,
        reply: Reply,
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
            let result = match (evpn, ipvpn) {
                (Some(answer), _) => answer.await,
                (None, Some(answer)) => answer.await,
                // Without driver there are no instances either.
                (None, None) => Err(DriverError::Stopped),
            };
            // The core is only gone when the daemon ends.
            done.send(Done {
                external_id,
                token,
                result,
                reply,
            })
            .ok();
        });
    }
}
