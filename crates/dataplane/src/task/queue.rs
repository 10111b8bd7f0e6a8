//! What the driver still has to do. Pure: no clock, no waiting.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use vpn::{InstanceId, Intent, IntentChange};

use crate::{DriverError, Owned};

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, DriverError>>;

/// One change of one instance.
pub(super) struct Step<I> {
    /// What should exist from now on.
    pub change: IntentChange<I>,
    /// Who waits for it.
    pub reply: Option<Reply<()>>,
}

/// Things that concern all instances at once, and so are not overtaken by changes that came later.
pub(super) enum Control<I> {
    /// Hold exactly these.
    Reconcile(Vec<Arc<I>>, Reply<()>),
    /// Hold nothing.
    Reset(Reply<()>),
    /// Say what is there.
    List(Reply<Vec<Owned>>),
}

/// The next thing to do.
pub(super) enum Work<I> {
    /// Steps of one instance, oldest first, at least one.
    Steps(InstanceId, Vec<Step<I>>),
    /// Something for all.
    Control(Control<I>),
}

/// Changes by instance between two controls; instances in order of their first change.
struct Batch<I> {
    order: VecDeque<InstanceId>,
    steps: BTreeMap<InstanceId, Vec<Step<I>>>,
}

enum Segment<I> {
    Batch(Batch<I>),
    Control(Control<I>),
}

/// Pending work, coalesced: memory is bounded by the instances and by who waits, not by how many changes
/// came.
pub(super) struct Queue<I> {
    segments: VecDeque<Segment<I>>,
}

impl<I> Default for Batch<I> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            steps: BTreeMap::new(),
        }
    }
}

impl<I> Default for Queue<I> {
    fn default() -> Self {
        Self {
            segments: VecDeque::new(),
        }
    }
}

impl<I: Intent> Queue<I> {
    pub fn push(&mut self, step: Step<I>) {
        if !matches!(self.segments.back(), Some(Segment::Batch(_))) {
            self.segments.push_back(Segment::Batch(Batch::default()));
        }
        if let Some(Segment::Batch(batch)) = self.segments.back_mut() {
            batch.push(step);
        }
    }

    pub fn push_control(&mut self, control: Control<I>) {
        self.segments.push_back(Segment::Control(control));
    }

    /// How many instances have a change that waits.
    pub fn len(&self) -> usize {
        let waiting = self.segments.iter().map(|segment| match segment {
            Segment::Batch(batch) => batch.order.len(),
            Segment::Control(_) => 0,
        });
        waiting.sum()
    }

    pub fn pop(&mut self) -> Option<Work<I>> {
        loop {
            match self.segments.pop_front()? {
                Segment::Control(control) => return Some(Work::Control(control)),
                Segment::Batch(mut batch) => {
                    let work = batch.pop();
                    if !batch.order.is_empty() {
                        self.segments.push_front(Segment::Batch(batch));
                    }
                    if let Some((instance, steps)) = work {
                        return Some(Work::Steps(instance, steps));
                    }
                }
            }
        }
    }
}

impl<I: Intent> Batch<I> {
    fn push(&mut self, step: Step<I>) {
        let instance = step.change.instance();
        let steps = self.steps.entry(instance).or_default();
        if steps.is_empty() {
            self.order.push_back(instance);
        }
        // A step somebody waits for does not replace what came before: should it fail, the one before
        // is what has to be in force.
        if step.reply.is_none() {
            steps.pop_if(|last| last.reply.is_none());
        }
        steps.push(step);
    }

    fn pop(&mut self) -> Option<(InstanceId, Vec<Step<I>>)> {
        let instance = self.order.pop_front()?;
        self.steps.remove_entry(&instance)
    }
}

impl<I> Step<I> {
    /// Tells whoever waits.
    pub fn answer(self, result: Result<(), DriverError>) {
        if let Some(reply) = self.reply {
            // Nobody left to tell is fine: the change itself was made.
            let _ = reply.send(result);
        }
    }
}
