//! What traffic, and what is expected of it, means.

#![allow(clippy::expect_used)]

use std::time::Duration;

use scenario::{
    Action, Amount, Endpoint, Fact, Figure, FlowId, HopExpectation, NodeId, PingOutcome, Protocol,
    Scenario, Since, StepId, check,
};

fn meaning(steps: &str) -> Scenario {
    let text = format!(
        "[nodes]\na = {{ kind = \"host\" }}\nb = {{ kind = \"host\" }}\n\n[links]\nwire = {{ ends = [\"a\", \"b\"] }}\n{steps}"
    );
    check(&text, "traffic.toml").unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn complaint(steps: &str) -> String {
    let text = format!(
        "[nodes]\na = {{ kind = \"host\" }}\nb = {{ kind = \"host\" }}\n\n[links]\nwire = {{ ends = [\"a\", \"b\"] }}\n{steps}"
    );
    let errors = check(&text, "traffic.toml").expect_err(steps);
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn traffic_has_defaults() {
    let scenario = meaning("[[step]]\ntraffic = { from = \"a\", to = \"b\", as = \"one\" }\n");
    let flow = &scenario[FlowId(0)];
    assert_eq!(flow.from, Endpoint::Node(NodeId(0)));
    assert_eq!(flow.receiver, Some(Endpoint::Node(NodeId(1))));
    assert_eq!(flow.protocol, Protocol::Udp);
    assert_eq!((flow.rate, flow.size, flow.port), (100, 64, None));
    assert_eq!((flow.timeout, flow.during), (Duration::from_secs(1), None));
    assert_eq!(flow.count(), None);
    assert_eq!(scenario.steps[0].title, "traffic one: udp a -> b, 100/s");
}

#[test]
fn an_address_of_the_lab_is_received_there_and_another_echoes() {
    let scenario = meaning(
        "[[step]]\ntraffic = { from = \"a\", to = \"10.128.0.1\", as = \"here\", rate = 10, for = \"1500ms\" }\n\
         [[step]]\ntraffic = { from = \"a\", to = \"192.0.2.1\", as = \"away\" }\n",
    );
    let here = &scenario[FlowId(0)];
    assert_eq!(here.receiver, Some(Endpoint::Node(NodeId(1))));
    assert_eq!(here.count(), Some(15));
    let away = &scenario[FlowId(1)];
    assert_eq!((away.receiver, away.protocol), (None, Protocol::Icmp));
}

#[test]
fn figures_are_in_the_smallest_unit() {
    let scenario = meaning(
        "[[step]]\nlabel = \"begin\"\ntraffic = { from = \"a\", to = \"b\", as = \"one\" }\n\
         [[step]]\nexpect = { traffic = { flow = \"one\", since = \"begin\", loss_at_most = \"0.25%\", \
         outage_at_least = \"20ms\", outage_at_most = \"1.5s\", p99_at_most = \"500us\", lost_at_most = 3 } }\n",
    );
    let Action::Expect(expectation) = &scenario.steps[1].action else {
        panic!("{:?}", scenario.steps[1]);
    };
    let Fact::Traffic(traffic) = &expectation.fact else {
        panic!("{expectation:?}");
    };
    assert_eq!(traffic.since, Since::Step(StepId(0)));
    let bounds = traffic.bounds.iter();
    let bounds: Vec<(Figure, Amount)> = bounds.map(|b| (b.figure, b.amount)).collect();
    let at_most = |most| Amount {
        at_least: 0,
        at_most: Some(most),
    };
    let outage = Amount {
        at_least: 20_000_000,
        at_most: Some(1_500_000_000),
    };
    let expected = [
        (Figure::Lost, at_most(3)),
        (Figure::Loss, at_most(2500)),
        (Figure::Outage, outage),
        (Figure::P99, at_most(500_000)),
    ];
    assert_eq!(bounds, expected);
    assert_eq!(
        scenario.steps[1].title,
        "expect traffic one: lost at most 3, loss at most 0.25%, outage 20 ms to 1.5 s, p99 at most 500 us since begin"
    );
}

#[test]
fn traffic_is_stopped_once() {
    let begin = "[[step]]\ntraffic = { from = \"a\", to = \"b\", as = \"one\" }\n";
    let stop = "[[step]]\nstop = { traffic = \"one\" }\n";
    let scenario = meaning(&format!("{begin}{stop}"));
    assert_eq!(scenario.steps[1].action, Action::StopTraffic(FlowId(0)));
    let twice = complaint(&format!("{begin}{stop}{stop}"));
    assert_eq!(twice, "step 3 has `one`, which is stopped already\n");
    let both = complaint(&format!(
        "{begin}[[step]]\nstop = {{ traffic = \"one\", step = \"one\" }}\n"
    ));
    assert_eq!(both, "step 2 has both `step` and `traffic`\n");
    // A round that begins and stops it can come again.
    meaning(
        "[[step]]\nrepeat = { times = 2, steps = [\n\
         { traffic = { from = \"a\", to = \"b\", as = \"one\" } },\n\
         { stop = { traffic = \"one\" } },\n] }\n",
    );
    let left = complaint(&format!(
        "{begin}[[step]]\nrepeat = {{ times = 2, steps = [{{ stop = {{ traffic = \"one\" }} }}] }}\n"
    ));
    assert!(left.starts_with("step 2 stops the traffic `one`"), "{left}");
}

#[test]
fn a_hop_is_a_node_an_address_or_anybody() {
    let scenario = meaning(
        "[[step]]\ntraceroute = { from = \"a\", to = \"192.0.2.1\", hops = [\"b\", \"*\", \"192.0.2.9\"] }\n",
    );
    let Action::Traceroute(traceroute) = &scenario.steps[0].action else {
        panic!("{:?}", scenario.steps[0]);
    };
    let hops = traceroute.hops.as_deref().expect("there are hops");
    let address = |text: &str| Some(text.parse().expect("an address"));
    assert!(matches!(
        &hops[0],
        HopExpectation::Node {
            node: NodeId(1),
            ..
        }
    ));
    assert!(hops[0].holds(address("10.128.0.1")));
    assert!(!hops[0].holds(address("10.128.0.0")));
    assert!(!hops[0].holds(None));
    assert!(hops[1].holds(None) && hops[1].holds(address("10.0.0.9")));
    assert!(hops[2].holds(address("192.0.2.9")) && !hops[2].holds(address("192.0.2.8")));
}

#[test]
fn labgen_listens_where_somebody_of_the_lab_is() {
    let scenario = meaning(
        "[[step]]\nconnect = { from = \"a\", to = \"b\", port = 80 }\n\
         [[step]]\nconnect = { from = \"a\", to = \"b\", port = 179, listen = false, fails = true }\n\
         [[step]]\nconnect = { from = \"a\", to = \"192.0.2.1\", port = 80 }\n",
    );
    let connects = scenario.steps.iter().map(|step| match &step.action {
        Action::Connect(connect) => (connect.listener, connect.outcome),
        action => panic!("{action:?}"),
    });
    let replies = PingOutcome::Replies(Duration::from_secs(5));
    let expected = [
        (Some(Endpoint::Node(NodeId(1))), replies),
        (None, PingOutcome::Silence(Duration::from_millis(300))),
        (None, replies),
    ];
    assert_eq!(connects.collect::<Vec<_>>(), expected);
}

#[test]
fn numbers_with_a_fraction_are_read_exactly() {
    let loss = |text: &str| {
        complaint(&format!(
            "[[step]]\ntraffic = {{ from = \"a\", to = \"b\", as = \"one\" }}\n\
             [[step]]\nexpect = {{ traffic = {{ flow = \"one\", loss_at_most = \"{text}\" }} }}\n"
        ))
    };
    for wrong in ["1", "%", ".5%", "1.%", "100.1%", "-1%", "0.00001%", "1e2%"] {
        let said = loss(wrong);
        assert!(said.contains("is not a percentage"), "{wrong}: {said}");
    }
    let outage = |text: &str| {
        complaint(&format!(
            "[[step]]\ntraffic = {{ from = \"a\", to = \"b\", as = \"one\" }}\n\
             [[step]]\nexpect = {{ traffic = {{ flow = \"one\", outage_at_most = \"{text}\" }} }}\n"
        ))
    };
    for wrong in [
        "5",
        "ms",
        "1.ms",
        "0.0000001ms",
        "99999999999999999999s",
        "5 s",
        "1d",
    ] {
        let said = outage(wrong);
        assert!(said.contains("is not a time"), "{wrong}: {said}");
    }
}
