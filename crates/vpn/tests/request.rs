//! Addresses as callers write them.

use vpn::IpWithPrefix;

#[test]
fn addresses_have_many_forms() {
    let forms = [
        ("10.1.1.2", "10.1.1.2", 32),
        ("10.1.1.2/24", "10.1.1.2", 24),
        ("10.1.1.2/32", "10.1.1.2", 32),
        ("10.1.1.2/024", "10.1.1.2", 24),
        ("2001:DB8::0:1/64", "2001:db8::1", 64),
        ("10.1.1.2/255.255.255.0", "10.1.1.2", 24),
        ("10.1.1.2/0.0.0.0", "10.1.1.2", 0),
        ("10.1.1.2/255.255.255.255", "10.1.1.2", 32),
        ("0.0.0.0/0", "0.0.0.0", 0),
        ("2001:db8::1", "2001:db8::1", 128),
        ("2001:db8::1/64", "2001:db8::1", 64),
    ];
    for (text, address, length) in forms {
        let ip: Result<IpWithPrefix, _> = text.parse();
        let got = ip.map(|ip| (ip.address().to_string(), ip.prefix_len(), ip.to_string()));
        assert_eq!(got, Ok((address.to_owned(), length, text.to_owned())));
    }
}

#[test]
fn other_texts_are_refused() {
    let texts = [
        "10.1.1",
        "10",
        "abc",
        " 10.1.1.9 ",
        "",
        "10.1.1.2/33",
        "10.1.1.2/",
        "10.1.1.2/-1",
        "10.1.1.2/+8",
        "10.1.1.2/255.0.255.0",
        "10.1.1.2/256",
        "2001:db8::1/129",
        "2001:db8::1/255.0.0.0",
        "10.1.1.2/24/8",
    ];
    for text in texts {
        let error = text
            .parse::<IpWithPrefix>()
            .map_err(|error| error.to_string());
        assert_eq!(error, Err(format!("IP address {text} is not valid")));
    }
}
