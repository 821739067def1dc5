"""Pictures of jobs in a bucket, against moto's S3 server, which checks signatures: killed, started again, fetched, deleted,
with a bucket that hangs, goes away, or is not ours. `deploy/check.sh s3` builds the program and calls this."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

PROGRAM, SAMPLE = "target/release/kaiga", "samples/street.jpg"
ENDPOINT = "http://127.0.0.1:5055"
BUCKET = "s3://paintings/jobs"


def moto(port, *more):
    server = [sys.executable, "-m", "moto.server", "-p", str(port), *more]
    return subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def client(service, keys=("x", "x")):
    once = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id=keys[0],
                        aws_secret_access_key=keys[1], config=once)


def user(name, *actions):
    """A user that may do these, and its two keys."""
    iam = client("iam")
    iam.create_user(UserName=name)
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(rights))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def check_signatures(wanted):
    status, said, _ = send("POST", ENDPOINT + "/moto-api/reset-auth", b"0" if wanted else b"1000000000")
    assert status == 200, said


def send(method, url, body=None, timeout=60):
    request = urllib.request.Request(url, body, {"Content-Type": "application/octet-stream"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), refused.headers
    except OSError as gone:
        return 0, str(gone).encode(), {}


def within(seconds, what, done):
    start = time.monotonic()
    while not done():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - start


def environment(keys, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KAIGA_"))}
    given = {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]} if keys else {}
    return kept | given | {"AWS_ENDPOINT": ENDPOINT, "AWS_ALLOW_HTTP": "true", **more}


def command(store, pictures=BUCKET):
    settings = ["--listen", "127.0.0.1:0", "--rate-per-minute", "0", "--lease-s", "1", "--workers", "1", "--log", "error"]
    return [PROGRAM, "serve", "--store", store, "--pictures", pictures, *settings]


class Service:
    all = []

    def __init__(self, store, keys):
        self.process = subprocess.Popen(command(store), env=environment(keys), stdout=subprocess.PIPE, text=True)
        self.all.append(self.process)
        self.url = self.process.stdout.readline().split()[-1]

    def submit(self, photo):
        status, body, headers = send("POST", self.url + "/api/v1/jobs?format=jpeg&faces=off", photo)
        return headers["location"] if status == 202 else json.loads(body)

    def state(self, job):
        return json.loads(send("GET", self.url + job)[1])["state"]

    def ready(self):
        return send("GET", self.url + "/readyz")[0] == 200


def complaint(name, words, keys, pictures=BUCKET, **more):
    """The program must stop with status 1 and say all of these words."""
    with tempfile.TemporaryDirectory() as store:
        start = time.monotonic()
        ended = subprocess.run(command(store, pictures), env=environment(keys, **more), capture_output=True, text=True, timeout=60)
    said = ended.stderr.strip().splitlines()[-1] if ended.stderr else ""
    print(f"{name}, after {time.monotonic() - start:.1f} s: {said}")
    assert ended.returncode == 1 and all(word in said for word in words), (ended.returncode, words, ended.stderr)
    assert not keys or keys[1] not in ended.stderr, "a secret was printed"


def over_tls(folder, keys):
    """With a certificate that the system trusts, and with one that it does not."""
    key, certificate, endpoint = f"{folder}/key.pem", f"{folder}/certificate.pem", "https://localhost:5056"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate]
    subprocess.run(make + names, check=True, capture_output=True)
    server = moto(5056, "-s", "-c", certificate, "-k", key)
    try:
        within(60, "moto listens", lambda: not socket.socket().connect_ex(("127.0.0.1", 5056)))
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x",
                          aws_secret_access_key="x", verify=certificate)
        s3.create_bucket(Bucket="paintings")
        complaint("nobody vouches for it", ["invalid peer certificate"], keys, AWS_ENDPOINT=endpoint)
        trusting = environment(keys, AWS_ENDPOINT=endpoint, SSL_CERT_FILE=certificate)
        service = subprocess.Popen(command(folder), env=trusting, stdout=subprocess.PIPE, text=True)
        assert service.stdout.readline().startswith("kaiga is at"), "no service over TLS"
        service.kill()
        service.wait()
        print("TLS: the probe went through it")
    finally:
        server.kill()


def main(store, server):
    within(60, "moto answers", lambda: send("GET", ENDPOINT + "/moto-api/")[0] == 200)
    check_signatures(False)
    client("s3").create_bucket(Bucket="paintings")
    ours = user("ours", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
    reader = user("reader", "s3:GetObject")
    admin = user("admin", "s3:*")
    check_signatures(True)
    objects = lambda: [o["Key"] for o in client("s3", admin).list_objects_v2(Bucket="paintings").get("Contents", [])]

    complaint("no such bucket", ["s3://nowhere", "NoSuchBucket", "make the bucket"], ours, "s3://nowhere/jobs")
    complaint("wrong key", ["InvalidAccessKeyId", "correct AWS_ACCESS_KEY_ID"], ("AKIAWRONG", ours[1]))
    complaint("wrong secret", ["SignatureDoesNotMatch", "correct AWS_SECRET_ACCESS_KEY"], (ours[0], "wrong" * 8))
    complaint("may only read", ["AccessDenied", "must be allowed to put"], reader)
    complaint("no credentials", ["AWS_ACCESS_KEY_ID is not set"], None, AWS_METADATA_ENDPOINT="http://127.0.0.1:9")
    complaint("nobody there", ["refused"], ours, AWS_ENDPOINT="http://127.0.0.1:9")
    complaint("TLS not used", ["AWS_ALLOW_HTTP"], ours, AWS_ALLOW_HTTP="false")
    with tempfile.TemporaryDirectory() as folder:
        over_tls(folder, ours)
    assert objects() == [], "probes were left behind"

    with open(SAMPLE, "rb") as file:
        photo = file.read()
    # A byte more behind the end makes another photo of it, by its hash.
    photos = [photo + bytes([number]) for number in range(6)]
    first = Service(store, ours)
    jobs = [first.submit(photo) for photo in photos]
    within(60, "the first job is done", lambda: first.state(jobs[0]) == "done")
    assert any(first.state(job) != "done" for job in jobs), "all were done before the process could be killed"
    first.process.kill()
    second = Service(store, ours)
    within(120, "all jobs are done", lambda: all(second.state(job) == "done" for job in jobs))
    within(10, "the photos are deleted", lambda: len(objects()) == 1)
    assert all(name.startswith("jobs/") for name in objects()), objects()
    for job in jobs:
        status, painting, _ = send("GET", second.url + job + "/result")
        assert status == 200 and painting[:2] == b"\xff\xd8", (status, painting[:200])
        assert send("DELETE", second.url + job)[0] == 204
    within(10, "the paintings are deleted", lambda: not objects())
    print(f"{len(jobs)} jobs, kill -9 among them: all painted, fetched and deleted; the bucket is empty")

    server.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    said = second.submit(photos[0])
    print(f"a bucket that hangs, after {time.monotonic() - start:.1f} s: {said['detail']}")
    assert said["status"] == 503 and "no answer" in said["detail"], said
    assert not second.ready()
    assert send("GET", second.url + jobs[0], timeout=20)[0] == 200, "what is known of jobs needs no bucket"
    assert send("POST", second.url + "/api/v1/convert?faces=off", photo)[0] == 200, "conversions need no bucket"
    server.send_signal(signal.SIGCONT)
    print(f"ready again {within(60, 'it works again', second.ready):.1f} s after it answers")

    client("s3", admin).delete_bucket(Bucket="paintings")
    said = second.submit(photos[1])
    print("a bucket that is gone:", said["detail"])
    assert said["status"] == 503 and "NoSuchBucket" in said["detail"], said
    client("s3", admin).create_bucket(Bucket="paintings")
    within(60, "it works again", second.ready)
    job = second.submit(photos[2])
    within(60, "a job is done", lambda: second.state(job) == "done")
    second.process.terminate()
    assert second.process.wait(60) == 0


if __name__ == "__main__":
    server = moto(5055)
    try:
        with tempfile.TemporaryDirectory() as store:
            main(store, server)
    finally:
        for process in [server, *Service.all]:
            process.kill()
