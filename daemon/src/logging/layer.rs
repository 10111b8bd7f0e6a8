//! From events to lines.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::json;
use tracing::{
    Event, Level, Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest,
};
use tracing_subscriber::{Layer, layer::Context};

use super::{
    LogError, LogOptions, lost,
    memory::{Text, level_name},
    names::covers,
    pattern::Line,
    plan::{Form, Handler, Plan, Route},
    sink::{Sink, SinkError},
};
use crate::clock;

/// The open places, and who goes to which.
#[derive(Debug)]
pub(super) struct Outlets {
    handlers: Vec<(Handler, Mutex<Sink>)>,
    routes: Vec<Route>,
}

impl Outlets {
    pub(super) fn open(program: &str, plan: Plan) -> Result<Self, SinkError> {
        let handlers = plan.handlers.into_iter();
        let handlers = handlers
            .map(|handler| {
                let sink = Sink::open(program, &handler.target)?;
                Ok((handler, Mutex::new(sink)))
            })
            .collect::<Result<_, SinkError>>()?;
        Ok(Self {
            handlers,
            routes: plan.routes,
        })
    }

    /// What is said of the loggers that `name` is or is below, the closest first.
    fn routes_of<'a>(&'a self, name: &str) -> Vec<&'a Route> {
        let mut found: Vec<(usize, &Route)> = Vec::new();
        for route in &self.routes {
            let covering = route.loggers.iter().filter(|logger| covers(logger, name));
            if let Some(length) = covering.map(String::len).max() {
                found.push((length, route));
            }
        }
        // Of two that say something of one logger the later one counts.
        found.reverse();
        found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        found.into_iter().map(|(_, route)| route).collect()
    }

    fn level_of(&self, name: &str) -> LevelFilter {
        let routes = self.routes_of(name);
        let level = routes.iter().find_map(|route| route.level);
        level.unwrap_or(LevelFilter::WARN)
    }

    fn loudest(&self) -> LevelFilter {
        let levels = self.routes.iter().filter_map(|route| route.level);
        levels.max().unwrap_or(LevelFilter::WARN)
    }

    fn write(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let name = logger(metadata);
        let mut wanted: Vec<usize> = Vec::new();
        for route in self.routes_of(&name) {
            wanted.extend(&route.handlers);
            if !route.propagate {
                break;
            }
        }
        if wanted.is_empty() {
            return;
        }
        let text = Text::of(event);
        let time = clock::now();
        let line = Line {
            time: &time,
            level: level_name(*metadata.level()),
            name: &name,
            worker: text.worker.as_deref(),
            file: metadata.file(),
            line: metadata.line(),
            message: &text.message,
        };
        for (handler, sink) in wanted.iter().filter_map(|at| self.handlers.get(*at)) {
            if *metadata.level() <= handler.level {
                let text = match &handler.form {
                    Form::Pattern(pattern) => pattern.write(&line),
                    Form::Json => object(&line),
                };
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                lost(sink.write(severity(*metadata.level()), &text));
            }
        }
    }
}

/// A line for programs.
fn object(line: &Line<'_>) -> String {
    json!({
        "asctime": line.time.format('.'),
        "levelname": line.level,
        "name": line.name,
        "process": std::process::id(),
        "worker": line.worker,
        "filename": line.file,
        "lineno": line.line,
        "message": line.message,
    })
    .to_string()
}

/// The name of the logger: the module that speaks.
fn logger(metadata: &Metadata<'_>) -> String {
    metadata.target().replace("::", ".")
}

/// RFC 5424 section 6.2.1.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The logs of the process, to be changed while it runs.
#[derive(Debug, Clone)]
pub struct Handle {
    program: String,
    outlets: Arc<RwLock<Arc<Outlets>>>,
}

impl Handle {
    pub(super) fn new(program: &str, outlets: Outlets) -> Self {
        Self {
            program: program.to_owned(),
            outlets: Arc::new(RwLock::new(Arc::new(outlets))),
        }
    }

    pub(super) fn layer(&self) -> Lines {
        Lines(Arc::clone(&self.outlets))
    }

    /// Goes by other options from now on; files are opened again.
    ///
    /// # Errors
    /// As [`super::start`]; then everything stays as it was.
    pub fn reload(&self, options: &LogOptions) -> Result<(), LogError> {
        let outlets = Outlets::open(&self.program, Plan::of(&self.program, options)?)?;
        *self.outlets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(outlets);
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }
}

/// The layer that writes lines.
pub(super) struct Lines(Arc<RwLock<Arc<Outlets>>>);

impl Lines {
    fn outlets(&self) -> Arc<Outlets> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.outlets().level_of(&logger(metadata))
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // The memory of warnings wants those whatever the loggers say.
        match self.wants(metadata) || *metadata.level() <= Level::WARN {
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.outlets().loudest().max(LevelFilter::WARN))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if self.wants(event.metadata()) {
            self.outlets().write(event);
        }
    }
}
