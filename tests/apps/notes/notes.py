"""A notebook: notes in PostgreSQL, exports in a temporary file."""

import os
import tempfile

import psycopg2
from flask import Flask, redirect, request

app = Flask(__name__)


def connect():
    """Return a connection to the database."""
    return psycopg2.connect(os.environ["DATABASE_URL"])


def migrate():
    """Create the table."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS note (id serial PRIMARY KEY, text text NOT NULL)")


@app.get("/")
def index():
    """Lead to the notes."""
    return redirect("/notes")


@app.get("/notes")
def notes():
    """Show all notes."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT text FROM note ORDER BY id")
        rows = cursor.fetchall()
    with tempfile.TemporaryFile("w+") as export:
        export.write("\n".join(text for (text,) in rows))
        export.seek(0)
        return "Notes\n" + export.read()


@app.post("/notes")
def add():
    """Keep a note."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO note (text) VALUES (%s)", (request.get_data(as_text=True),))
    return redirect("/notes")
