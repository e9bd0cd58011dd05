"""A small Flask application; /sleep takes a second, as a slow data base would."""
import time

from flask import Flask

app = Flask(__name__)


@app.get("/")
def page():
    return "hello\n"


@app.get("/sleep")
def slow():
    time.sleep(1)
    return "slept\n"
