"""A model among threads and processes: each check runs in one of its own, which may fork and count its threads."""

import os
import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import litz

PROMPTS = [list(range(32 + i, 72 + i)) for i in range(8)]

def load(**options):
    return litz.AutoModelForCausalLM.from_pretrained(sys.argv[1], **{"threads": 3, **options})

def answer(model, prompt=PROMPTS[0]):
    return model.generate([prompt], max_new_tokens=24, eos_token_id=[])

def workers(count):
    # Whether so many threads come to be there besides Python's own.
    for _ in range(400):
        if len(os.listdir("/proc/self/task")) == 1 + count:
            return True
        time.sleep(0.05)
    return False

def child(check):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if check() else 1)
    for _ in range(2400):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, 9)
    return "the child hangs"
"""


@pytest.fixture
def run(tiny_model):
    def start(code, **environment):
        # Forking beside threads is what is tested here: Python warns of it.
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + textwrap.dedent(code)]
        done = subprocess.run(
            [*command, tiny_model.name_or_path],
            capture_output=True,
            text=True,
            env={**os.environ, "LITZ_NUM_THREADS": "", **environment},
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return start


def test_a_forked_child_and_its_parent_both_go_on_with_the_model(run):
    found = run("""
        model = load()
        expected = answer(model)
        print(child(lambda: answer(model) == expected and workers(2)), answer(model) == expected, workers(2))
    """)
    assert found == "0 True True"


def test_a_child_forked_while_another_thread_computes_does_not_wait_for_it(run):
    found = run("""
        model = load()
        expected = answer(model)
        stop = threading.Event()
        def compute():
            while not stop.is_set():
                answer(model, PROMPTS[1])
        busy = [threading.Thread(target=compute) for _ in range(2)]
        for thread in busy:
            thread.start()
        print({child(lambda: answer(model) == expected and workers(2)) for _ in range(12)})
        stop.set()
        for thread in busy:
            thread.join()
        print(answer(model) == expected)
    """)
    assert found == "{0}\nTrue"


def test_a_child_may_drop_the_model_and_load_its_own(run):
    found = run("""
        model = load()
        expected = answer(model)
        def check():
            global model
            del model
            return answer(load()) == expected
        print(child(check), answer(model) == expected)
    """)
    assert found == "0 True"


def test_a_grandchild_has_threads_of_its_own(run):
    found = run("""
        model = load()
        expected = answer(model)
        def check():
            return answer(model) == expected and workers(2)
        print(child(lambda: check() and child(check) == 0 and check()))
    """)
    assert found == "0"


def test_models_and_python_threads_do_not_disturb_each_other(run):
    found = run("""
        models = [load(), load(threads=2), load(threads=1)]
        expected = [answer(models[2], prompt) for prompt in PROMPTS]
        with ThreadPoolExecutor(6) as pool:
            jobs = [(model, i) for _ in range(4) for i in range(len(PROMPTS)) for model in models]
            print(all(pool.map(lambda job: answer(job[0], PROMPTS[job[1]]) == expected[job[1]], jobs)))
    """)
    assert found == "True"


def test_nothing_runs_after_the_call_returns(run):
    found = run("""
        model = load()
        answer(model)
        time.sleep(0.1)
        before = time.process_time()
        time.sleep(1)
        print(time.process_time() - before < 0.1)
    """)
    assert found == "True"


def test_threads_end_with_their_model(run):
    found = run("""
        model = load()
        answer(model)
        during = workers(2)
        del model
        print(during, workers(0))
    """)
    assert found == "True True"


def test_the_variable_comes_before_the_argument(run):
    code = "print(load()._core.threads, load(threads=None)._core.threads)"
    assert run(code, LITZ_NUM_THREADS="5") == "5 5"


def test_a_process_bound_to_one_processor_computes_with_one_thread(run):
    found = run("""
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(load(threads=None)._core.threads)
    """)
    assert found == "1"
