//! Lists of routes, however long: the core gives them away by reference, and they become text bit by bit elsewhere.

use std::{sync::Arc, vec::IntoIter};

use bgp_rib::{Route, WorkerId, render::RouteView};
use serde_json::Value;

use super::{filter::Filter, route::Writer, tree::Links};

/// A route and who published it.
pub type Sourced = (WorkerId, Arc<Route>);

/// Octets of text that are made at a time, roughly.
const CHUNK: usize = 64 << 10;

/// Routes that are looked at at a time, however few are wanted.
const LOOKED_AT: usize = 2_000;

/// The routes of a page: a list, or several under names.
#[derive(Debug, Clone)]
pub struct RouteList {
    links: Links,
    /// Names of the lists; none when there is but one, without.
    groups: Option<Vec<String>>,
    /// Whether lists without routes are shown.
    keeps_empty: bool,
    /// Whether it is shown who published them.
    has_source: bool,
    filter: Filter,
    offset: usize,
    limit: usize,
    routes: Vec<(usize, WorkerId, Arc<Route>)>,
}

impl RouteList {
    /// A single list.
    pub(super) fn flat(links: &Links, routes: impl Iterator<Item = Sourced>) -> Self {
        Self {
            groups: None,
            routes: routes.map(|(source, route)| (0, source, route)).collect(),
            ..Self::grouped(links, std::iter::empty::<(String, IntoIter<Sourced>)>())
        }
    }

    /// Lists under names.
    pub(super) fn grouped<R: IntoIterator<Item = Sourced>>(
        links: &Links,
        lists: impl Iterator<Item = (String, R)>,
    ) -> Self {
        let mut groups = Vec::new();
        let mut all = Vec::new();
        for (index, (name, routes)) in lists.enumerate() {
            groups.push(name);
            let routes = routes.into_iter();
            all.extend(routes.map(|(source, route)| (index, source, route)));
        }
        Self {
            links: links.clone(),
            groups: Some(groups),
            keeps_empty: false,
            has_source: true,
            filter: Filter::default(),
            offset: 0,
            limit: usize::MAX,
            routes: all,
        }
    }

    /// With lists that have no routes.
    pub(super) fn keeping_empty(mut self) -> Self {
        self.keeps_empty = true;
        self
    }

    /// Without who published them.
    pub(super) fn without_source(mut self) -> Self {
        self.has_source = false;
        self
    }

    /// The list of one name.
    pub(super) fn descend(mut self, name: &str) -> Option<Self> {
        let wanted = self.groups.take()?.iter().position(|group| group == name)?;
        self.routes.retain(|(group, ..)| *group == wanted);
        Some(self)
    }

    /// Only what is wanted, and of that at most `limit` after the first `offset`.
    pub fn narrow(mut self, filter: Filter, offset: usize, limit: usize) -> Self {
        (self.filter, self.offset, self.limit) = (filter, offset, limit);
        self
    }

    /// How many routes there are to look at.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The routes that are wanted, with the names of their lists, and where to read about their sources.
    pub fn wanted(&self) -> impl Iterator<Item = (&str, RouteView, Option<String>)> {
        let routes = self.routes.iter();
        let wanted = routes.filter(|(_, source, route)| self.filter.accepts(*source, route));
        wanted
            .skip(self.offset)
            .take(self.limit)
            .map(|(group, source, route)| {
                let group = self.groups.as_ref().and_then(|groups| groups.get(*group));
                let source_url = self.has_source.then(|| self.links.worker(*source));
                (
                    group.map_or("", String::as_str),
                    RouteView::new(*source, route),
                    source_url,
                )
            })
    }

    /// All of it as one text.
    pub fn json(self) -> String {
        self.chunks().collect()
    }

    /// The JSON in pieces that are made when they are asked for.
    pub fn chunks(self) -> Chunks {
        Chunks {
            routes: self.routes.into_iter(),
            groups: self.groups,
            links: self.links,
            keeps_empty: self.keeps_empty,
            has_source: self.has_source,
            filter: self.filter,
            offset: self.offset,
            limit: self.limit,
            open: None,
            next_group: 0,
            writer: Writer::default(),
            place: Place::Start,
        }
    }
}

/// A list of routes on its way to be text. Each piece is JSON as far as it goes.
#[derive(Debug)]
pub struct Chunks {
    routes: IntoIter<(usize, WorkerId, Arc<Route>)>,
    groups: Option<Vec<String>>,
    links: Links,
    keeps_empty: bool,
    has_source: bool,
    filter: Filter,
    offset: usize,
    limit: usize,
    /// The list that is being written, and whether it has a route.
    open: Option<usize>,
    /// The first list that was not begun.
    next_group: usize,
    writer: Writer,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Within,
    Done,
}

impl Iterator for Chunks {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut out =
            String::with_capacity(self.routes.len().saturating_mul(512).min(CHUNK + 4096));
        match self.place {
            Place::Done => return None,
            Place::Within => {}
            Place::Start => {
                out.push(if self.groups.is_some() { '{' } else { '[' });
                self.place = Place::Within;
            }
        }
        for _ in 0..LOOKED_AT {
            if out.len() >= CHUNK {
                return Some(out);
            }
            match self.routes.next().filter(|_| self.limit > 0) {
                None => {
                    self.end(&mut out);
                    return Some(out);
                }
                Some((_, source, route)) if !self.filter.accepts(source, &route) => {}
                Some(_) if self.offset > 0 => self.offset -= 1,
                Some((group, source, route)) => {
                    self.limit -= 1;
                    self.put(&mut out, group, source, &route);
                }
            }
        }
        Some(out)
    }
}

impl Chunks {
    fn put(&mut self, out: &mut String, group: usize, source: WorkerId, route: &Arc<Route>) {
        if self.open == Some(group) {
            out.push(',');
        } else {
            self.begin(out, group);
        }
        let Self {
            has_source, links, ..
        } = self;
        let source_url = || has_source.then(|| links.worker(source));
        self.writer.write(out, source, route, source_url);
    }

    /// Ends the list that is being written, and begins another.
    fn begin(&mut self, out: &mut String, group: usize) {
        if let Some(groups) = &self.groups {
            if self.open.is_some() {
                out.push_str("],");
            }
            if self.keeps_empty {
                for name in groups.iter().take(group).skip(self.next_group) {
                    out.push_str(&format!("{}:[],", Value::from(name.as_str())));
                }
            }
            let name = groups.get(group).map_or("", String::as_str);
            out.push_str(&format!("{}:[", Value::from(name)));
        }
        self.open = Some(group);
        self.next_group = group + 1;
    }

    fn end(&mut self, out: &mut String) {
        self.place = Place::Done;
        let Some(groups) = &self.groups else {
            out.push(']');
            return;
        };
        if self.open.is_some() {
            out.push(']');
        }
        if self.keeps_empty {
            let mut comma = self.open.is_some();
            for name in groups.iter().skip(self.next_group) {
                if comma {
                    out.push(',');
                }
                comma = true;
                out.push_str(&format!("{}:[]", Value::from(name.as_str())));
            }
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::{Family, NextHop, Nlri, PathAttributes};
    use serde_json::json;

    use super::*;

    /// RTC routes, numbered: NLRI that need nothing else.
    fn routes(numbers: std::ops::Range<u32>) -> Vec<Sourced> {
        numbers
            .map(|number| {
                let mut bytes = vec![96, 0, 0, 0xfc, 0, 0, 2, 0xfc, 0];
                bytes.extend(number.to_be_bytes());
                let nlri = Nlri::new(Family::RTC, bytes);
                let route = Route::new(nlri, NextHop::None, PathAttributes::default());
                (WorkerId::Manager, Arc::new(route))
            })
            .collect()
    }

    fn links() -> Links {
        Links::new("http://h/lg")
    }

    fn names(value: &Value) -> Vec<String> {
        let routes = value.as_array().unwrap().iter();
        routes
            .map(|route| route.as_object().unwrap().keys().next().unwrap().clone())
            .collect()
    }

    fn parsed(list: RouteList) -> Value {
        serde_json::from_str(&list.json()).unwrap()
    }

    #[test]
    fn pieces_are_one_text() {
        let list = RouteList::flat(&links(), routes(0..10_000).into_iter());
        let chunks: Vec<String> = list.clone().chunks().collect();
        assert!(chunks.len() > 10);
        assert!(chunks.iter().all(|chunk| chunk.len() < 2 * CHUNK));
        let all = names(&parsed(list));
        assert_eq!(all.len(), 10_000);
        assert_eq!(all[9_999], "rtc 64512:target:64512:9999");
    }

    #[test]
    fn paging_counts_over_all_lists() {
        let lists = [
            ("a", routes(0..3)),
            ("b", routes(3..3)),
            ("c", routes(3..6)),
        ];
        let lists = lists.map(|(name, routes)| (name.to_owned(), routes));
        let list = || RouteList::grouped(&links(), lists.clone().into_iter());
        let count = |value: &Value, key: &str| value[key].as_array().map(Vec::len);
        let whole = parsed(list().keeping_empty());
        assert_eq!(
            ["a", "b", "c"].map(|key| count(&whole, key)),
            [Some(3), Some(0), Some(3)]
        );
        let whole = parsed(list());
        assert_eq!(
            ["a", "b", "c"].map(|key| count(&whole, key)),
            [Some(3), None, Some(3)]
        );
        let some = parsed(list().keeping_empty().narrow(Filter::default(), 2, 2));
        assert_eq!(
            ["a", "b", "c"].map(|key| count(&some, key)),
            [Some(1), Some(0), Some(1)]
        );
        for (offset, limit) in [(6, 9), (0, 0)] {
            let none = list().narrow(Filter::default(), offset, limit);
            assert_eq!(parsed(none), json!({}));
            let none = list()
                .keeping_empty()
                .narrow(Filter::default(), offset, limit);
            assert_eq!(parsed(none), json!({"a": [], "b": [], "c": []}));
        }
        let one = list().descend("c").unwrap();
        assert_eq!(names(&parsed(one))[0], "rtc 64512:target:64512:3");
        assert!(list().descend("d").is_none());
    }

    #[test]
    fn what_is_not_wanted_is_left_out_before_it_is_counted() {
        let list = RouteList::flat(&links(), routes(0..5_000).into_iter());
        let other = Filter {
            family: Some(Family::EVPN),
            ..Filter::default()
        };
        assert_eq!(parsed(list.clone().narrow(other, 0, 10)), json!([]));
        let same = Filter {
            family: Some(Family::RTC),
            source: Some(WorkerId::Manager),
            ..Filter::default()
        };
        assert_eq!(names(&parsed(list.narrow(same, 4_990, 20))).len(), 10);
    }
}
