//! Lists of routes as a table, with a form to ask for some of them.

use std::fmt::Write as _;

use bagpipe_api::openapi::FILTERS;

use super::escape;
use crate::{
    glass::{RouteList, encode},
    rest::query::Query,
};

/// How many routes are in a page when nobody says.
pub(in crate::rest) const ROWS: usize = 500;

/// How many at most, whoever says: a page is made in one go, and no browser shows all routes there can be.
pub(in crate::rest) const MOST_ROWS: usize = 5000;

/// The table of the routes of a page, and links to those before and after.
pub(in crate::rest) fn list(
    list: &RouteList,
    query: &Query,
    offset: usize,
    limit: usize,
) -> String {
    let mut out = String::from("<form method=\"get\">");
    let field = |name: &str| {
        query
            .text(name)
            .ok()
            .flatten()
            .unwrap_or_default()
            .to_owned()
    };
    for (name, text) in FILTERS {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<input name=\"{name}\" placeholder=\"{name}\" title=\"{}\" value=\"{}\">",
            escape(text),
            escape(&field(name))
        );
    }
    out.push_str("<button>filter</button></form>\n");
    out.push_str(
        "<table class=\"rows routes\"><thead><tr><th>route</th><th>next hop</th><th>source</th><th>route targets</th>\
         <th>attributes</th></tr></thead><tbody>\n",
    );
    let (mut count, mut heading) = (0, None);
    for (group, route, source) in list.wanted() {
        if heading != Some(group) && !group.is_empty() {
            let _ = writeln!(out, "<tr><th colspan=\"5\">{}</th></tr>", escape(group));
        }
        heading = Some(group);
        count += 1;
        let source_text = escape(&route.source.to_string());
        let source = match source
            .as_deref()
            .and_then(|url| url.find("/looking-glass/").map(|at| &url[at..]))
        {
            Some(path) => format!("<a href=\"{}\">{source_text}</a>", escape(path)),
            None => source_text,
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{source}</td><td>",
            escape(&route.nlri),
            escape(route.next_hop.as_deref().unwrap_or("none"))
        );
        for target in route.route_targets.iter().flatten() {
            let text = target.trim_start_matches("target:");
            let _ = write!(
                out,
                "<a href=\"?rt={}\">{}</a> ",
                encode(text),
                escape(text)
            );
        }
        out.push_str("</td><td>");
        for (name, text) in &route.attributes {
            let _ = write!(out, "{} {}<br>", escape(name), escape(text));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table>\n");
    let link = |offset: usize, text: &str| {
        let filters: String = FILTERS
            .iter()
            .map(|(name, _)| (name, field(name)))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}&", encode(&value)))
            .collect();
        let query = format!("?{filters}limit={limit}&offset={offset}");
        format!("<a href=\"{}\">{text}</a> ", escape(&query))
    };
    out.push_str("<p>");
    if offset > 0 {
        out.push_str(&link(offset.saturating_sub(limit), "before"));
    }
    let _ = match count {
        0 => write!(out, "no routes "),
        _ => write!(out, "routes {} to {} ", offset + 1, offset + count),
    };
    if count == limit {
        out.push_str(&link(offset.saturating_add(limit), "after"));
    }
    out.push_str("</p>\n");
    out
}
