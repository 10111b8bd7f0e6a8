//! One page that holds everything: data, style and script, and asks nobody for anything.
//!
//! All that comes from a lab is data: in the page it is JSON, and the script puts it in as text. What stands in the
//! page before the script runs is escaped here.

mod data;
mod paper;

use scenario::Scenario;

use super::model::{Run, Step, StepState};
use crate::ui::{self, ms};

const STYLE: &str = concat!(
    include_str!("html/page.css"),
    include_str!("html/print.css")
);
/// In the order in which each needs those before it.
const SCRIPT: [&str; 5] = [
    include_str!("html/data.js"),
    include_str!("html/lanes.js"),
    include_str!("html/timeline.js"),
    include_str!("html/list.js"),
    include_str!("html/app.js"),
];
/// Nothing may be fetched, whatever the page may come to hold.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Of steps that are repeated and pass, so many rounds are written out.
const ROUNDS: u64 = 3;

/// The page.
pub(super) fn page(run: &Run, scenario: Option<&Scenario>) -> String {
    let word = run.verdict.word();
    let lab = escaped(&run.lab);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{lab}: {word}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    out += &header(run);
    out.push_str("<main>\n");
    out += &verdict(run);
    let picture = scenario.map(topology).unwrap_or_default();
    let timeline = include_str!("html/timeline.html").to_owned() + &paper::timeline(run);
    // Who looks for the cause of a failure needs to see what happened before what there is.
    let parts = match run.failed_step() {
        Some(_) => [timeline, picture],
        None => [picture, timeline],
    };
    out.extend(parts);
    out += &steps(run);
    out += &evidence(run);
    out.push_str("</main>\n");
    // A `<` could end the element early; in a string of JSON it may be written otherwise.
    let json = data::of(run).replace('<', "\\u003c");
    out += &format!("<script type=\"application/json\" id=\"data\">{json}</script>\n<script>\n");
    out.push_str("\"use strict\";\n");
    SCRIPT.iter().for_each(|part| out.push_str(part));
    out.push_str("</script>\n</body>\n</html>\n");
    out
}

fn header(run: &Run) -> String {
    let about = run.about.as_deref().unwrap_or_default();
    let done = run.steps.iter().filter(|s| s.until.is_some()).count();
    format!(
        "<header>\n<div class=\"badge {word}\"><span aria-hidden=\"true\">{mark}</span> {word}</div>\n\
         <div class=\"what\"><h1>{lab}</h1><p>{about}</p></div>\n\
         <p class=\"facts\">{file}<br>{done} of {steps} steps in {took} · labgen {version} · <time id=\"began\"></time></p>\n\
         <button type=\"button\" id=\"theme\" title=\"Switch between light and dark\">◐<span class=\"unseen\"> light or dark</span></button>\n\
         </header>\n",
        word = run.verdict.word(),
        mark = mark(run.verdict.word()),
        lab = escaped(&run.lab),
        about = escaped(about),
        file = escaped(&run.file),
        steps = run.steps.len(),
        took = ms(run.end),
        version = escaped(&run.version),
    )
}

/// A sign that does without colour.
fn mark(word: &str) -> &'static str {
    match word {
        "passed" => "✓",
        "failed" | "broken" => "✗",
        _ => "–",
    }
}

/// What failed, or that nothing did.
fn verdict(run: &Run) -> String {
    let mut out = String::from("<section id=\"verdict\">\n");
    if let Some(error) = &run.error {
        out += &format!(
            "<h2>The lab could not be built</h2>\n<pre>{}</pre>\n",
            escaped(error)
        );
    }
    match run.failed_step() {
        Some(step) => out += &failure(run, step),
        None if run.error.is_none() => {
            let words = match run.verdict.word() {
                "passed" => "Every step passed.",
                "failed" => "The run failed; the evidence does not say at which step.",
                _ => "The run was ended before its last step.",
            };
            out += &format!("<p>{words}</p>\n");
        }
        None => {}
    }
    for note in &run.notes {
        out += &format!("<p class=\"note\">Note: {}</p>\n", escaped(note));
    }
    out.push_str("</section>\n");
    out
}

fn failure(run: &Run, step: &Step) -> String {
    let mut out = format!(
        "<h2>Step {number} failed: {title}</h2>\n<p class=\"place\">{file}:{line}</p>\n\
         <dl>\n<dt>expected</dt><dd>{expected}</dd>\n<dt>seen</dt><dd>{seen}</dd>\n",
        number = escaped(&step.called()),
        title = escaped(&step.title),
        file = escaped(&step.file),
        line = step.line,
        expected = escaped(step.expected.as_deref().unwrap_or_default()),
        seen = escaped(&step.seen),
    );
    if !step.details.is_empty() {
        let details = escaped(&step.details.join("\n"));
        out += &format!("<dt>in detail</dt><dd><pre>{details}</pre></dd>\n");
    }
    if let Some(divergence) = &run.divergence {
        let before = ms(divergence.until.saturating_sub(divergence.at));
        out += &format!(
            "<dt>look first at</dt><dd>{}<br><small>{}, {before} before the verdict</small> \
             <button type=\"button\" id=\"show\">show it</button></dd>\n",
            escaped(&divergence.what),
            escaped(&divergence.why),
        );
    }
    out + &format!("<dt>evidence</dt><dd>{}</dd>\n</dl>\n", links(run))
}

/// Links to the files beside the page.
fn links(run: &Run) -> String {
    let link = |file: &String| {
        let href: String = file.chars().flat_map(in_url).collect();
        format!("<a href=\"{href}\">{}</a>", escaped(file))
    };
    run.evidence
        .iter()
        .map(link)
        .collect::<Vec<_>>()
        .join(" · ")
}

/// A character of a relative URL.
fn in_url(c: char) -> Vec<char> {
    if c.is_ascii_alphanumeric() || "-_./".contains(c) {
        return vec![c];
    }
    let mut octets = [0; 4];
    let octets = c.encode_utf8(&mut octets).bytes();
    octets
        .flat_map(|octet| format!("%{octet:02X}").chars().collect::<Vec<_>>())
        .collect()
}

/// As an image: its style is its own, and nothing in it can be markup of the page.
fn topology(scenario: &Scenario) -> String {
    let svg: String = crate::graph::svg(scenario, None)
        .chars()
        .flat_map(in_url)
        .collect();
    let nodes: Vec<&str> = scenario
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    let shown = nodes.len().min(40);
    let more = if nodes.len() > shown { ", ..." } else { "" };
    format!(
        "<details id=\"topology\" open>\n<summary>Topology</summary>\n\
         <img src=\"data:image/svg+xml,{svg}\" alt=\"Nodes: {}{more}\">\n</details>\n",
        escaped(&nodes[..shown].join(", "))
    )
}

/// Every step, for reading and for paper.
fn steps(run: &Run) -> String {
    let mut out = String::from(
        "<section id=\"steps\">\n<h2>Steps</h2>\n<table>\n<thead><tr><th>step</th><th></th><th>what</th>\
         <th>began</th><th>took</th><th>seen</th></tr></thead>\n<tbody>\n",
    );
    let repeated = |step: &&Step| {
        step.state == StepState::Passed && step.rounds.iter().any(|round| *round > ROUNDS)
    };
    let left_out = run.steps.iter().filter(repeated).count();
    for step in run.steps.iter().filter(|step| !repeated(step)) {
        let state = step.state.word();
        let time = |at: Option<u64>| at.map_or_else(String::new, ms);
        let depth = step.number.matches('.').count();
        out += &format!(
            "<tr class=\"{class}\"><td>{number}</td><td class=\"state\"><span aria-hidden=\"true\">{mark}</span> {state}</td>\
             <td class=\"in{depth}\">{title}<span class=\"place\">{file}:{line}</span></td><td class=\"n\">{since}</td><td class=\"n\">{took}</td>\
             <td class=\"seen\">{seen}</td></tr>\n",
            class = state.replace(' ', "-"),
            number = escaped(&step.called()),
            mark = mark(state),
            depth = depth.min(3),
            title = escaped(&step.title),
            file = escaped(&step.file),
            line = step.line,
            since = time(step.since),
            took = time(step.took()),
            seen = escaped(&step.seen),
        );
    }
    out.push_str("</tbody>\n</table>\n");
    if left_out > 0 {
        let words = ui::count(left_out, "step");
        out += &format!("<p class=\"note\">{words} of later rounds passed as well.</p>\n");
    }
    out + "</section>\n"
}

fn evidence(run: &Run) -> String {
    format!(
        "<section id=\"evidence\">\n<h2>Evidence</h2>\n<p>Beside this page: {}</p>\n</section>\n",
        links(run)
    )
}

/// Text that stays text, in elements and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
