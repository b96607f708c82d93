//! A key that is created while its project is archived is revoked, or is not created.

use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use ctx_key::{Scope, UnixTime};
use ctx_key_server::database::Database;
use ctx_key_server::store::actor::{Act, Actor};
use ctx_key_server::store::api_key::{self, NewKey, ProjectChoice, Rotation};
use ctx_key_server::store::archive::archive;
use ctx_key_server::store::id::{CompanyId, ProjectId};
use ctx_key_server::store::import::import;
use ctx_key_server::store::name::Name;
use ctx_key_server::store::store_error::StoreError;
use serde_json::json;

use crate::common::browser::Browser;
use crate::common::company::{Company, import_line, record};
use crate::common::{EMAIL, PASSWORD, Server, id, status, wait};
use crate::{post, trouble};

/// A change of a project's keys that another transaction may meet.
#[derive(Clone, Copy, Debug)]
enum Making {
    Create,
    Rotate,
    Import,
}

const MAKINGS: [Making; 3] = [Making::Create, Making::Rotate, Making::Import];

/// A project with a key, in a database that several connections change at once.
struct Race {
    database: Database,
    company: CompanyId,
    project: ProjectId,
    key: ctx_key::KeyId,
    now: UnixTime,
}

impl Race {
    fn new(company: &Company, making: Making) -> Self {
        let project = company.project(&format!("{making:?}"));
        Self {
            database: company.server.database(),
            key: company.key(&project, "rotated", None).parse().unwrap(),
            company: CompanyId::parse(&company.id).unwrap(),
            project: ProjectId::parse(&project).unwrap(),
            now: company.server.now(),
        }
    }

    fn act(&self) -> Act<'_> {
        Act { company: &self.company, actor: Actor::Operator, now: self.now, address: None }
    }

    /// Makes a key in a transaction, and commits it when `gate` opens.
    async fn make(&self, making: Making, gate: Receiver<()>) -> Result<(), String> {
        if let Making::Import = making {
            let (record, project) = (record(self.project.as_str()), gate);
            let lines = BufReader::new(Gated {
                text: import_line(&record, "made").into_bytes(),
                gate: Some(project),
            });
            return import(&self.database, lines, self.now)
                .await
                .map(drop)
                .map_err(|error| error.to_string());
        }
        let mut transaction = self.database.begin_without_limits().await.unwrap();
        let made = if let Making::Create = making {
            let new = NewKey {
                name: Name::parse("made").unwrap(),
                project: ProjectChoice::Existing(self.project.clone()),
                scopes: Scope::MEMORIES_READ,
                expires_at: None,
                idempotency_key: None,
            };
            api_key::create(&mut transaction, self.act(), &new).await.map(drop)
        } else {
            let rotation = Rotation { overlap: 3600, expires_at: None, idempotency_key: None };
            api_key::rotate(&mut transaction, self.act(), self.key, &rotation).await.map(drop)
        };
        made.map_err(|error| error.to_string())?;
        let _ = gate.recv();
        transaction.commit().await.unwrap();
        Ok(())
    }

    /// Archives the project, and commits it when `gate` opens.
    async fn archive(&self, gate: Receiver<()>) {
        let mut transaction = self.database.begin_without_limits().await.unwrap();
        archive(&mut transaction, self.act(), &self.project).await.unwrap();
        let _ = gate.recv();
        transaction.commit().await.unwrap();
    }
}

/// Lines that end when a gate opens.
struct Gated {
    text: Vec<u8>,
    gate: Option<Receiver<()>>,
}

impl Read for Gated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text.is_empty() {
            let _ = self.gate.take().map(|gate| gate.recv());
            return Ok(0);
        }
        let length = self.text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.text[..length]);
        self.text.drain(..length);
        Ok(length)
    }
}

/// Runs a future that may block its thread.
fn run<T: Send>(future: impl Future<Output = T> + Send) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// The time that the second transaction has to reach its wait for the first one. If it is too short, the tests find less, and
/// still pass.
const HEAD_START: Duration = Duration::from_millis(400);

/// Begins two transactions, one after the other. The gate of the second one is open from the start; the first one's opens when
/// the second one has had time to wait for it.
fn overlap<A: Send, B: Send>(
    first: impl FnOnce(Receiver<()>) -> A + Send,
    second: impl FnOnce(Receiver<()>) -> B + Send,
) -> (A, B) {
    let ((open_first, first_gate), (open_second, second_gate)) = (channel(), channel());
    thread::scope(|scope| {
        let first = scope.spawn(move || first(first_gate));
        thread::sleep(HEAD_START);
        let second = scope.spawn(move || second(second_gate));
        open_second.send(()).unwrap();
        thread::sleep(HEAD_START);
        open_first.send(()).unwrap();
        (first.join().unwrap(), second.join().unwrap())
    })
}

#[test]
fn a_key_that_is_made_while_its_project_is_archived_does_not_survive() {
    let (company, _browser) = Company::new();
    for making in MAKINGS {
        let race = Race::new(&company, making);
        let (made, ()) = overlap(|gate| run(race.make(making, gate)), |gate| run(race.archive(gate)));
        assert_eq!(made, Ok(()), "{making:?}");
        let (_, keys) = company.send("GET", "/api-keys", &json!({}));
        let keys = keys.as_array().unwrap();
        let of_project = keys.iter().filter(|key| key["project_id"] == race.project.as_str());
        let states: Vec<_> = of_project.map(|key| key["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["revoked", "revoked"], "{making:?}");
    }
}

#[test]
fn no_key_is_made_in_a_project_that_is_being_archived() {
    let (company, _browser) = Company::new();
    for making in MAKINGS {
        let race = Race::new(&company, making);
        let ((), made) = overlap(|gate| run(race.archive(gate)), |gate| run(race.make(making, gate)));
        let refused = made.expect_err("the project is archived");
        assert!(refused.ends_with(&StoreError::Archived.to_string()), "{making:?}: {refused}");
    }
}

#[test]
fn keys_that_programs_make_while_a_project_is_archived_are_all_refused() {
    let fixture = trouble::Fixture::new();
    let first = fixture.key();
    let mut browser = Browser::new(&fixture.server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let create = || {
        let body = json!({ "project_id": fixture.project, "name": "a key", "scopes": ["memories:read"] });
        fixture.server.send("POST", &fixture.keys_path(), Some(&fixture.token), Some(&body))
    };
    let rotate = |key: &str| {
        let path = format!("{}/{}/rotate", fixture.keys_path(), id(key));
        fixture.server.send("POST", &path, Some(&fixture.token), Some(&json!({ "overlap_seconds": 3600 })))
    };
    // creates or rotates keys until the project is archived
    let make = |rotates: bool| {
        let mut made = Vec::new();
        loop {
            let (status, key) = if rotates { rotate(&first) } else { create() };
            match status {
                201 => made.push(key["api_key"].as_str().unwrap().to_owned()),
                503 => {}
                _ => return (status, made),
            }
        }
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let makers: Vec<_> =
            [true, false, false].map(|rotates| scope.spawn(move || make(rotates))).into_iter().collect();
        thread::sleep(HEAD_START);
        let path = format!("/projects/{}/archive", fixture.project);
        wait(|| post(&mut browser, &path, &[]).status == 303);
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    let keys: Vec<_> = answers.iter().flat_map(|(_, keys)| keys).chain([&first]).collect();
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [409; 3]);
    assert!(keys.len() > 3, "{} keys", keys.len());
    for key in keys {
        assert_eq!(status(&fixture.server, key), 401);
    }
}

#[test]
fn a_key_of_an_archived_project_is_refused_at_once_here_and_soon_elsewhere() {
    let fixture = trouble::Fixture::new();
    let keys: Vec<_> = (0..3).map(|_| fixture.key()).collect();
    let (_, other) = fixture.server.key(&fixture.token, &fixture.company, &["memories:read"]);
    let neighbour = match &fixture.data.database_url {
        Some(url) => Server::start(&trouble::second(url.clone())),
        None => Server::start(&fixture.data),
    };
    for key in &keys {
        trouble::wait_for_cache(&fixture.server, key);
        trouble::wait_for_cache(&neighbour, key);
    }
    let mut browser = Browser::new(&fixture.server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    post(&mut browser, &format!("/projects/{}/archive", fixture.project), &[]);
    for key in &keys {
        assert_eq!(status(&fixture.server, key), 401);
    }
    for key in &keys {
        trouble::assert_changes_within(trouble::LEASE, [200, 401], || status(&neighbour, key));
    }
    assert_eq!(status(&fixture.server, &other), 200);
}
