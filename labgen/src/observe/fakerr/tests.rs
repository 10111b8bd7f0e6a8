#![allow(clippy::unwrap_used)]

use bgp_wire::Family;

use super::super::{Question, Speaker, Topic};
use super::FakeRr;

const CLIENTS: &str = r#"{"router_id":"10.0.0.1","clients":[]}"#;

fn complete(topic: Topic, said: &str) -> bool {
    let Some(Question::Socket { complete, .. }) = FakeRr.question(topic) else {
        panic!("a question");
    };
    complete(said.as_bytes())
}

#[test]
fn the_document_of_the_clients_is_no_answer_about_routes() {
    let routes = Topic::Routes(Family::EVPN);
    assert!(complete(Topic::Sessions, &format!("{CLIENTS}\n")));
    assert!(!complete(routes, &format!("{CLIENTS}\n")));
    assert!(!complete(routes, &format!("{CLIENTS}\n{{\"routes\":[]}}")));
    let answer = format!("{CLIENTS}\n{{\"routes\":[]}}\n");
    assert!(complete(routes, &answer));
    assert_eq!(FakeRr.routes(Family::EVPN, answer.as_bytes()).unwrap(), []);
}

#[test]
fn a_refusal_says_why() {
    let answer = format!("{CLIENTS}\n{{\"error\":\"no such family\"}}\n");
    assert!(complete(Topic::Routes(Family::EVPN), &answer));
    let error = FakeRr.routes(Family::EVPN, answer.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("no such family"), "{error}");
}

#[test]
fn what_was_sent_is_asked_for_by_client() {
    let to = "10.0.0.2".parse().unwrap();
    let Some(Question::Socket { say, .. }) = FakeRr.question(Topic::Sent(Family::EVPN, to)) else {
        panic!("a question");
    };
    assert_eq!(say, "sent l2vpn/evpn 10.0.0.2\n");
}
