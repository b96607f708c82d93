//! A set-up link creates one account.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;

use crate::accounts;
use crate::common::browser::Browser;
use crate::common::{Data, EMAIL, EVE, PASSWORD, Server, agent, rest, wait};
use crate::trouble::number;

#[test]
fn a_start_without_an_account_ends_the_links_of_earlier_starts() {
    let data = Data::new();
    let server = Server::start(&data);
    let (first, invitation) = (server.set_up_link.clone().unwrap(), data.invite());
    assert_eq!(shown(&server, &first), 200);
    let second = Server::start(&data).set_up_link.clone().unwrap();
    assert_eq!([&first, &second, &invitation].map(|link| shown(&server, link)), [400, 200, 200]);
    let refused = Browser::new(&server).set_up(&first, EMAIL);
    assert!(refused.text.contains("This set-up link is not valid"), "{}", refused.text);
    assert_eq!((refused.status, accounts(&data)), (400, Some(0)));
    Browser::new(&server).set_up(&second, EMAIL).leads_to("/keys");
    assert_eq!([&first, &second, &invitation].map(|link| shown(&server, link)), [400, 400, 200]);
}

#[test]
fn an_account_ends_the_links_of_starts_and_no_invitation() {
    type MakesAccount = fn(&Data, &Server);
    let by_invitation: MakesAccount = |data, server| {
        Browser::new(server).set_up(&data.invite(), EMAIL).leads_to("/keys");
    };
    let by_command: MakesAccount = |data, _| {
        let arguments = ["account", "add", "--email", EMAIL, "--company", "Example, Inc."];
        data.succeed(&arguments, &format!("{PASSWORD}\n"));
    };
    for make_account in [by_invitation, by_command] {
        let data = Data::new();
        let server = Server::start(&data);
        let link = server.set_up_link.clone().unwrap();
        let invitations = [data.invite(), data.invite()];
        make_account(&data, &server);
        assert_eq!(shown(&server, &link), 400);
        assert_eq!(Browser::new(&server).set_up(&link, EVE).status, 400);
        for (link, email) in invitations.iter().zip([EVE, "bob@example.org"]) {
            Browser::new(&server).set_up(link, email).leads_to("/keys");
            assert_eq!(shown(&server, link), 400);
        }
        assert_eq!(accounts(&data), Some(3));
    }
}

#[test]
fn a_refused_form_ends_no_link() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let link = data.invite();
    let mut browser = Browser::new(&server);
    for (email, password, company, message) in [
        ("no address", PASSWORD, "Other", "Enter an email address"),
        (EVE, "too short", "Other", "The password needs at least 15 characters: choose a longer one"),
        (EVE, PASSWORD, " ", "Enter a name for your company"),
        ("ADA@example.com", PASSWORD, "Other", "There is an account with this email address"),
        (EVE, PASSWORD, "EXAMPLE,  inc.", "There is a company of this name"),
    ] {
        let answer = browser.set_up_as(&link, email, password, company);
        assert!(answer.text_of("#mistakes").starts_with(message), "{message} in {}", answer.text);
        assert!(!answer.text.contains(password), "{}", answer.text);
        assert_eq!((answer.status, accounts(&data)), (400, Some(1)));
    }
    // a request without an origin is accepted
    assert!(browser.headers.is_empty());
    browser.set_up_as(&link, EVE, PASSWORD, "Other").leads_to("/keys");
}

#[test]
fn one_link_that_is_sent_many_times_at_once_makes_one_account() {
    let data = Data::new();
    let server = Server::start(&data);
    for (made, link) in [(1, server.set_up_link.clone().unwrap()), (2, data.invite())] {
        let emails = (0..6).map(|number| format!("{made}{number}@example.com"));
        let statuses: Vec<u16> = thread::scope(|scope| {
            let (server, link) = (&server, &link);
            let set_up =
                |email: String| scope.spawn(move || Browser::new(server).set_up(link, &email).status);
            let sent: Vec<_> = emails.map(set_up).collect();
            sent.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [303, 400].contains(status)), "{statuses:?}");
        assert_eq!(accounts(&data), Some(made));
    }
}

#[test]
fn servers_that_start_at_once_leave_one_link() {
    let data = Data::new();
    let server = Server::start(&data);
    for _ in 0..5 {
        let start = || {
            let mut command = data.command(&[]);
            let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            (process, lines)
        };
        let started: Vec<_> = (0..4).map(|_| start()).collect();
        let links = started.into_iter().map(|(mut process, mut lines)| {
            let link = lines.nth(2).unwrap().unwrap();
            process.kill().unwrap();
            process.wait().unwrap();
            link
        });
        let links: Vec<_> = links.collect();
        assert_eq!(links.iter().filter(|link| shown(&server, link) == 200).count(), 1);
        assert_eq!(number(&data, "SELECT count(*) FROM credentials"), Some(1));
    }
}

#[test]
fn a_start_with_an_account_makes_and_prints_no_link() {
    let data = Data::new();
    let server = Server::start(&data);
    Browser::new(&server).set_up(server.set_up_link.as_ref().unwrap(), EMAIL).leads_to("/keys");
    server.stop();
    let mut command = data.command(&[]);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut url = String::new();
    output.read_line(&mut url).unwrap();
    let ready = format!("{}/readyz", url.trim_end());
    wait(|| agent().get(&ready).call().is_ok_and(|response| response.status() == 200));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(rest(output), "");
    assert_eq!(number(&data, "SELECT count(*) FROM credentials WHERE kind = 'set-up'"), Some(0));
}

/// Returns the status of the page that a link opens.
fn shown(server: &Server, link: &str) -> u16 {
    Browser::new(server).get(&format!("/set-up?{}", link.split('?').nth(1).unwrap())).status
}
