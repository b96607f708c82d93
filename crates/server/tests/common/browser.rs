//! A client that behaves like a browser at the dashboard.

use std::collections::BTreeMap;

use ureq::Agent;
use ureq::http::Request;

use super::{EMAIL, PASSWORD, Server, agent};

/// An answer of the server.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn cookies(&self) -> Vec<&str> {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        cookies.map(|(_, value)| value.as_str()).collect()
    }

    pub fn leads_to(&self, path: &str) {
        assert_eq!((self.status, self.header("location")), (303, Some(path)), "{}", self.text);
    }
}

/// A browser. It stores cookies, and follows no redirects.
#[derive(Clone)]
pub struct Browser {
    pub agent: Agent,
    pub url: String,
    pub cookies: BTreeMap<String, String>,
    pub headers: Vec<(&'static str, String)>,
    pub content_type: &'static str,
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        Self::at(&server.url)
    }

    pub fn at(url: &str) -> Self {
        Self {
            agent: agent(),
            url: url.to_owned(),
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            content_type: "application/x-www-form-urlencoded",
        }
    }

    /// A browser that is signed in to the first account.
    pub fn signed_in(server: &Server) -> Self {
        let mut browser = Self::new(server);
        browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
        browser
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("POST", path, Some(body))
    }

    /// Posts fields that a test has changed.
    pub fn send_form(&mut self, path: &str, fields: &[(&str, String)]) -> Answer {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(path, &fields)
    }

    pub fn send(&mut self, method: &str, path: &str, body: Option<String>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !self.cookies.is_empty() {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.header("content-type", self.content_type);
        let request = request.body(body.unwrap_or_default()).expect("a request");
        let mut response = self.agent.run(request).expect("an answer");
        let text = |value: &ureq::http::HeaderValue| value.to_str().expect("a text").to_owned();
        let headers: Vec<_> =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let text = response.body_mut().read_to_string().expect("a body");
        let answer = Answer { status: response.status().as_u16(), headers, text };
        for cookie in answer.cookies() {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub fn set_up(&mut self, link: &str, email: &str) -> Answer {
        // each account gets a company of its own
        let company = if email == EMAIL { "Example, Inc." } else { email };
        self.set_up_as(link, email, PASSWORD, company)
    }

    pub fn set_up_as(&mut self, link: &str, email: &str, password: &str, company: &str) -> Answer {
        let link = link.split("link=").nth(1).expect("a secret");
        self.post(
            "/set-up",
            &[("link", link), ("email", email), ("password", password), ("company", company)],
        )
    }

    pub fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let token = self.get("/sign-in").field("form_token");
        self.post("/sign-in", &[("form_token", &token), ("email", email), ("password", password)])
    }

    pub fn session(&self) -> &str {
        self.cookies.iter().find(|(name, _)| name.ends_with("session")).expect("a session").1
    }

    /// Returns the fields of the form that creates a key, with the tokens of a new form.
    pub fn creation(&mut self, name: &str) -> Vec<(&'static str, String)> {
        let form = self.get("/keys/new");
        assert_eq!(form.status, 200, "{}", form.text);
        vec![
            ("form_token", form.field("form_token")),
            ("form", form.field("form")),
            ("name", name.to_owned()),
            ("project", "new".to_owned()),
            ("project_name", format!("project of {name}")),
            ("scopes", "memories:read".to_owned()),
            ("scopes", "chats:write".to_owned()),
            ("expires", "30".to_owned()),
        ]
    }

    pub fn create_with(&mut self, fields: &[(&str, String)]) -> Answer {
        self.send_form("/keys", fields)
    }

    pub fn create(&mut self, name: &str) -> String {
        let fields = self.creation(name);
        let answer = self.create_with(&fields);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.new_key()
    }

    /// Opens the dialog of an action, and confirms it.
    pub fn confirm(&mut self, id: &str, action: &str, more: &[(&str, &str)]) -> Answer {
        let path = format!("/keys/{id}/{action}");
        let dialog = self.get(&path);
        assert_eq!(dialog.status, 200, "{}", dialog.text);
        let token = dialog.field("form_token");
        let form = if action == "rotate" { dialog.field("form") } else { String::new() };
        let fields: Vec<_> = [("form_token", token.as_str()), ("form", &form)]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        self.post(&path, &fields)
    }

    pub fn count_keys(&mut self) -> usize {
        self.get("/keys").count("a[href$=\"/delete\"]")
    }

    /// Returns the lines of the audit log, the oldest first: actor, action, key and detail. It leaves out sign-ins, because
    /// tests sign in to read the log.
    pub fn audit_log(&mut self) -> Vec<[String; 4]> {
        let mut lines = self.get("/audit").rows(["Who", "What", "Key", "Detail"]);
        lines.retain(|[_, what, ..]| what != "signed in");
        lines.reverse();
        lines
    }
}
