//! The contenders that insert the rows: our service, services of others, and the bare INSERT.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::Context;
use serde::Deserialize;

use super::bare;
use super::cell::{Cell, Meter, Taken, Told};
use super::service::{Service, free_address};
use crate::rounds::Role;
use crate::server::{SCHEMA, Server};
use crate::{program, python};

pub(super) const EXTRATO: &str = "extrato serve";
pub(super) const BARE: &str = "bare INSERT … SELECT unnest";
pub(super) const FASTAPI: &str = "FastAPI, asyncpg";

const FASTAPI_PACKAGES: &[&str] = &[
    "fastapi==0.163.2",
    "pydantic==2.14.4",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "httptools==0.9.0",
    "asyncpg==0.32.0",
];
const DJANGO_PACKAGES: &[&str] = &[
    "django==5.2.19",
    "djangorestframework==3.18.3",
    "gunicorn==27.0.1",
    "psycopg[binary]==3.3.9",
];
const FASTIFY_PACKAGES: &[&str] = &["fastify@5.12.8", "pg@8.23.1"];
const FASTIFY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/serve_fastify.cjs");

/// The requests that warm up a service.
const WARMING: Cell = Cell {
    part: "",
    rows: 100,
    connections: 64,
    seconds: 1,
};

/// A contender that inserts rows.
pub(super) struct Contender {
    /// The contender's name in the results.
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// The service that is asked to insert rows; the bare INSERT needs none.
    service: Option<Service>,
}

/// Another program's service.
struct Peer {
    name: &'static str,
    start: fn(&Server) -> anyhow::Result<Service>,
    packages: &'static [&'static str],
    note: &'static str,
    /// What to do if the service cannot be started.
    way_out: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer {
        name: FASTAPI,
        start: fastapi,
        packages: FASTAPI_PACKAGES,
        note: "a worker for each core with 8 sessions, one `INSERT … SELECT unnest` for each request, bodies validated by \
               pydantic as they come",
        way_out: "install Python with its module venv",
    },
    Peer {
        name: "Fastify, pg",
        start: fastify,
        packages: FASTIFY_PACKAGES,
        note: "a process of a cluster for each core with 8 sessions, one `INSERT … SELECT unnest` for each request, rows \
               validated by ajv",
        way_out: "install Node.js with npm",
    },
    Peer {
        name: "Django REST Framework",
        start: django,
        packages: DJANGO_PACKAGES,
        note: "a worker for each core with 8 threads and as many sessions, `bulk_create`, rows validated by a Serializer \
               that asks the database nothing",
        way_out: "install Python with its module venv",
    },
];

/// All contenders, and notes for readers of the results. Their services are running, and have had some rows.
///
/// # Errors
/// An error if our service or wrk doesn't run.
pub(super) fn all(server: &Server) -> anyhow::Result<(Vec<Rc<Contender>>, Vec<String>)> {
    let ours = started(EXTRATO, extrato, server)?;
    let mut notes = vec![
        format!("{BARE}: the client postgres of Rust, a thread for each connection"),
        format!("{EXTRATO}: one process; its log goes to a file"),
    ];
    let of = |name, role, service| {
        Rc::new(Contender {
            name,
            role,
            service,
        })
    };
    let mut contenders = vec![
        of(BARE, Role::Limit, None),
        of(EXTRATO, Role::Ours, Some(ours)),
    ];
    for peer in PEERS {
        match started(peer.name, peer.start, server) {
            Ok(service) => {
                let versions = peer
                    .packages
                    .join(", ")
                    .replace("==", " ")
                    .replace('@', " ");
                notes.push(format!("{}: {versions}: {}", peer.name, peer.note));
                contenders.push(of(peer.name, Role::Peer, Some(service)));
            }
            Err(error) => {
                server.cancel().check()?;
                let note = format!("{}: not available ({error:#}): {}", peer.name, peer.way_out);
                eprintln!("{note}");
                notes.push(note);
            }
        }
    }
    Ok((contenders, notes))
}

fn started(
    name: &str,
    start: fn(&Server) -> anyhow::Result<Service>,
    server: &Server,
) -> anyhow::Result<Service> {
    eprintln!("starting {name}");
    let service = start(server)?;
    WARMING
        .send(&service, server)
        .context("no rows could be sent by wrk, which Debian has as wrk")?;
    Ok(service)
}

impl Contender {
    /// Lets rows be inserted, and measures what is used meanwhile.
    pub(super) fn run(
        &self,
        cell: &Cell,
        postmaster: u32,
        server: &Server,
    ) -> anyhow::Result<(Told, Taken)> {
        let Some(service) = &self.service else {
            return bare::measured(cell, postmaster, server);
        };
        let meter = Meter::begin(service.id(), postmaster)?;
        let told = cell.send(service, server)?;
        Ok((told, meter.end()?))
    }
}

fn extrato(server: &Server) -> anyhow::Result<Service> {
    #[derive(Deserialize)]
    struct Made {
        key: String,
    }
    let mut keys = program::extrato()?;
    keys.args([
        "keys",
        "create",
        "--name",
        "bench",
        "--scope",
        "hiring:write",
    ]);
    server.connect_program(&mut keys);
    let made: Made = serde_json::from_str(&program::output(&mut keys)?)?;
    let address = free_address()?;
    let mut serve = program::extrato_with_log()?;
    serve.args(["serve", "--dataset", "hiring", "--schema", SCHEMA]);
    serve.arg("--listen").arg(address.to_string());
    server.connect_program(&mut serve);
    let mut service = Service::start(&mut serve, address, "/v1/hiring/hired_employees", server)?;
    service.key = Some(made.key);
    Ok(service)
}

fn fastapi(server: &Server) -> anyhow::Result<Service> {
    python_service("serve_fastapi.py", FASTAPI_PACKAGES, server)
}

fn django(server: &Server) -> anyhow::Result<Service> {
    python_service("serve_django.py", DJANGO_PACKAGES, server)
}

fn python_service(file: &str, packages: &[&str], server: &Server) -> anyhow::Result<Service> {
    let python = python::with(server, packages)?;
    let address = free_address()?;
    let mut command = python::script(&python, file, server);
    command.arg(address.port().to_string());
    Service::start(&mut command, address, "/hired_employees", server)
}

fn fastify(server: &Server) -> anyhow::Result<Service> {
    let folder = server.folder().join("node");
    install(&folder)?;
    let address = free_address()?;
    let mut command = Command::new("node");
    command.arg(FASTIFY).arg(address.port().to_string());
    command.env("NODE_PATH", folder.join("node_modules"));
    server.connect_program(&mut command);
    Service::start(&mut command, address, "/hired_employees", server)
}

fn install(folder: &Path) -> anyhow::Result<()> {
    eprintln!("installing {}", FASTIFY_PACKAGES.join(", "));
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
    npm.arg(folder).args(FASTIFY_PACKAGES);
    program::output(&mut npm)?;
    Ok(())
}
