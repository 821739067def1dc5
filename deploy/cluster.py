"""Many machines, played on one: a real broker (nats-server), a real S3 interface over HTTP (moto), several processes.

  cluster.py chaos KAIGA [--jobs 200] [--seconds 25] [--seed 1]
      Jobs over four workers, while workers are killed (kill -9), stopped for longer than the lease and cut off from the broker, the
      broker is killed and started again, and the store is slow and fails. Then: every job is done exactly once or dead with
      a reason, none is lost, every stream of events has seen the end, every painting is the one of its photo. As root, with
      iproute2, one worker has a network of its own, whose line is pulled. --rehearse-ms 0 paints, and then only the sizes of
      paintings are looked at.
  cluster.py batch KAIGA [--jobs 300] [--shared-folder]
      `kaiga batch` over a bucket, or over a folder that all share, killed five times: complete, and nothing was painted twice.
  cluster.py sleeping KAIGA [--workers 1,4,16,64]
      Jobs a second with painting replaced by a sleep: what coordination costs.
  cluster.py painting KAIGA --photos FOLDER [--workers 1,2,4]
      Pictures a second against the program without queue and store.

  cluster.py cold KAIGA --photos FOLDER [--each 5]
      From the start of a worker to its first painting.

chaos and batch paint by sleeping, too (--rehearse-ms): what is tested is what goes on between machines.
"""
import argparse, concurrent.futures, functools, http.client, json, os, pathlib, random, re, shutil, signal, socket, subprocess, sys
import tempfile, threading, time, urllib.error, urllib.parse, urllib.request

# Set by --lease-s.
LEASE_S = 3


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def within(seconds, what, true):
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - start


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def size(number):
    """The sides of a picture, px."""
    return 24 + number % 13, 24 + number % 11


def png(number):
    """A small picture like no other."""
    import struct, zlib
    width, height = size(number)
    rows = b"".join(b"\0" + b"".join(bytes([(x * 9 + number) % 256, (y * 7 + number // 256) % 256, number % 251])
                                     for x in range(width)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Proxy:
    """Between two that talk over TCP: passes, refuses, or holds everything back."""

    def __init__(self, to, host="127.0.0.1"):
        self.to, self.mode, self.port = to, "pass", free_port()
        self.open = set()
        listener = socket.create_server((host, self.port), backlog=256)
        threading.Thread(target=self.accept, args=[listener], daemon=True).start()

    def accept(self, listener):
        while True:
            one, _ = listener.accept()
            threading.Thread(target=self.serve, args=[one], daemon=True).start()

    def serve(self, one):
        try:
            if self.mode == "refuse":
                raise OSError("refused")
            other = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            one.close()
            return
        self.open |= {one, other}
        ways = [threading.Thread(target=self.pump, args=pair, daemon=True) for pair in [(one, other), (other, one)]]
        [way.start() for way in ways]
        [way.join() for way in ways]
        self.open -= {one, other}

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                while self.mode == "hold":
                    time.sleep(0.05)
                if self.mode == "slow":
                    time.sleep(0.2)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def set(self, mode):
        self.mode = mode
        if mode == "refuse":
            for end in list(self.open):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Apart:
    """A network of its own for a process, with one line to the others, which can be pulled."""

    def __init__(self, house):
        self.name, line, here = f"kaiga-{os.getpid()}", f"k{os.getpid()}", f"10.231.{os.getpid() % 250}"
        self.line = f"{line}a"
        for command in (f"ip netns add {self.name}", f"ip link add {line}a type veth peer name {line}b",
                        f"ip link set {line}b netns {self.name}", f"ip address add {here}.1/24 dev {line}a",
                        f"ip link set {line}a up", f"ip -n {self.name} address add {here}.2/24 dev {line}b",
                        f"ip -n {self.name} link set {line}b up", f"ip -n {self.name} link set lo up"):
            subprocess.run(command.split(), check=True)
        self.broker, self.store = Proxy(house.nats_port, f"{here}.1"), Proxy(house.s3_port, f"{here}.1")
        self.before = ["ip", "netns", "exec", self.name]
        self.queue = f"nats://{here}.1:{self.broker.port}"
        self.environment = {"AWS_ENDPOINT": f"http://{here}.1:{self.store.port}"}

    @staticmethod
    def possible():
        return os.geteuid() == 0 and shutil.which("ip") is not None

    def set(self, way):
        subprocess.run(["ip", "link", "set", self.line, way], check=True)

    def end(self):
        subprocess.run(["ip", "link", "del", self.line])
        subprocess.run(["ip", "netns", "del", self.name])


class House:
    """A broker, a store, and processes of kaiga."""

    def __init__(self, kaiga, folder, bucket=True):
        self.kaiga, self.folder, self.processes, self.logs = kaiga, pathlib.Path(folder), [], []
        self.nats_port = free_port()
        self.start_broker()
        self.environment = {**os.environ, "NO_COLOR": "1"}
        if bucket:
            port = free_port()
            self.moto = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.processes.append(self.moto)
            within(60, "moto listens", lambda: listens(port))
            self.bucket = f"http://127.0.0.1:{port}/paintings"
            urllib.request.urlopen(urllib.request.Request(self.bucket, method="PUT"))
            self.s3_port, self.s3 = port, Proxy(port)
            self.environment |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1",
                                 "AWS_ALLOW_HTTP": "true", "AWS_ENDPOINT": f"http://127.0.0.1:{self.s3.port}"}
            self.root = "s3://paintings"
        else:
            self.bucket, self.root = None, str(self.folder / "paintings")
        self.pictures = f"{self.root}/jobs"

    def start_broker(self):
        store = self.folder / "broker"
        log = open(self.folder / "broker.log", "ab")
        command = ["nats-server", "-a", "127.0.0.1", "-js", "-p", str(self.nats_port), "-sd", store]
        self.broker = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes.append(self.broker)
        within(20, "nats-server listens", lambda: listens(self.nats_port))

    def start(self, *arguments, queue=None, before=(), environment={}):
        log = self.folder / f"{len(self.logs):03}-{arguments[0]}.log"
        self.logs.append(log)
        queue = ["--queue", queue or f"nats://127.0.0.1:{self.nats_port}", "--pictures", self.pictures]
        command = [*before, self.kaiga, *arguments, *queue]
        process = subprocess.Popen(command, env=self.environment | environment, stdout=subprocess.PIPE, stderr=open(log, "wb"), text=True)
        self.processes.append(process)
        return process

    def front(self, *more):
        process = self.start("serve", "--workers", "0", "--listen", "127.0.0.1:0", "--rate-per-minute", "0", "--jobs-max", "100000",
                             "--lease-s", str(LEASE_S), *more)
        line = process.stdout.readline()
        assert line.startswith("kaiga is at "), (line, self.logs[-1].read_text()[-2000:])
        return line.split()[-1]

    def worker(self, *more, **where):
        return self.start("worker", "--lease-s", str(LEASE_S), *more, **where)

    def run(self, *arguments):
        queue = ["--queue", f"nats://127.0.0.1:{self.nats_port}", "--pictures", self.pictures]
        return subprocess.run([self.kaiga, *arguments, *queue], env=self.environment, capture_output=True, text=True, timeout=3600)

    def all_logs(self):
        return "".join(log.read_text(errors="replace") for log in self.logs)

    def objects(self):
        if not self.bucket:
            root = pathlib.Path(self.root)
            return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        names, token = [], ""
        while True:
            text = urllib.request.urlopen(f"{self.bucket}?list-type=2{token}").read().decode()
            names += re.findall(r"<Key>([^<]*)</Key>", text)
            more = re.search(r"<NextContinuationToken>([^<]*)<", text)
            if not more:
                return names
            token = "&continuation-token=" + urllib.parse.quote(more[1])

    @functools.cached_property
    def signed(self):
        """A client of the store, whose requests are signed. Listing need not be."""
        import boto3
        return boto3.client("s3", endpoint_url=self.bucket.rsplit("/", 1)[0], region_name="us-east-1",
                            aws_access_key_id="x", aws_secret_access_key="x")

    def put(self, name, body):
        if not self.bucket:
            path = pathlib.Path(self.root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            return
        self.signed.put_object(Bucket="paintings", Key=name, Body=body)

    def get(self, name):
        if not self.bucket:
            return pathlib.Path(self.root, name).read_bytes()
        return self.signed.get_object(Bucket="paintings", Key=name)["Body"].read()

    def delete(self, name):
        self.signed.delete_object(Bucket="paintings", Key=name)

    def end(self):
        for process in self.processes:
            try:
                process.send_signal(signal.SIGCONT)
            except OSError:
                pass
            process.kill()
            process.wait()


def send(url, method="GET", data=None, headers={}, timeout=90):
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def submit(front, photo, name):
    """Until it is taken; the name makes sure that it is taken once."""
    start = time.monotonic()
    while True:
        try:
            status, body, headers = send(f"{front}/api/v1/jobs?format=png", "POST", photo, {"Idempotency-Key": name})
        except OSError as error:
            status, body = 0, str(error).encode()
        if status == 202:
            return json.loads(body)["id"]
        assert status in (0, 429, 503), (status, body)
        assert time.monotonic() - start < 180, ("no job is taken", status, body)
        time.sleep(0.3)


def follow(front, job, ended):
    """A stream of events, asked for again whenever it breaks off, until its end."""
    while True:
        try:
            with urllib.request.urlopen(f"{front}/api/v1/jobs/{job}/events", timeout=30) as stream:
                for line in stream:
                    event = line.decode().strip()
                    if event in ("event: done", "event: failed", "event: cancelled"):
                        ended[job] = event.split()[1]
                        return
        except (OSError, http.client.HTTPException):
            time.sleep(0.3)


def state(front, job):
    start = time.monotonic()
    while True:
        try:
            status, body, _ = send(f"{front}/api/v1/jobs/{job}")
            if status == 200:
                return json.loads(body)
        except OSError as error:
            status, body = 0, error
        assert time.monotonic() - start < 120, (status, body)
        time.sleep(0.3)


class Chaos:
    """Breaks one thing after another."""

    def __init__(self, house, chance, workers, more):
        self.house, self.chance, self.count, self.more = house, chance, {}, more
        self.cut = Proxy(house.nats_port)
        self.apart = Apart(house) if Apart.possible() else None
        self.workers = [self.new(number) for number in range(workers)]

    def new(self, number):
        # The last ones talk to the broker through a line that can be cut.
        where = {"queue": f"nats://127.0.0.1:{self.cut.port}"} if number == 2 else {}
        if number == 3 and self.apart:
            where = {"queue": self.apart.queue, "before": self.apart.before, "environment": self.apart.environment}
        return self.house.worker("--workers", "2", *self.more, **where)

    def kill(self):
        number = self.chance.randrange(len(self.workers))
        self.workers[number].kill()
        self.workers[number].wait()
        self.workers[number] = self.new(number)

    def stop(self):
        worker = self.chance.choice(self.workers)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_S * 1.7)
        worker.send_signal(signal.SIGCONT)

    def cut_off(self):
        self.cut.set("hold")
        time.sleep(LEASE_S * 1.7)
        self.cut.set("pass")

    def pull_the_line(self):
        self.apart.set("down")
        time.sleep(LEASE_S * 1.7)
        self.apart.set("up")

    def broker(self):
        self.house.broker.kill()
        self.house.broker.wait()
        time.sleep(1)
        self.house.start_broker()

    def store_fails(self):
        self.house.s3.set("refuse")
        time.sleep(LEASE_S)
        self.house.s3.set("pass")

    def store_is_slow(self):
        self.house.s3.set("slow")
        time.sleep(LEASE_S)
        self.house.s3.set("pass")

    def run(self, seconds):
        ways = [self.kill, self.stop, self.broker, self.cut_off, self.store_fails, self.store_is_slow]
        ways += [self.pull_the_line] if self.apart else []
        start = time.monotonic()
        while True:
            # Each once at least, then by chance; killing is the most usual.
            way = next((way for way in ways if way.__name__ not in self.count), None)
            if way is None and time.monotonic() - start >= seconds:
                return
            way = way or self.chance.choice(ways + [self.kill] * 3)
            self.count[way.__name__] = self.count.get(way.__name__, 0) + 1
            way()
            time.sleep(0.7)


def chaos(options):
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        house, breaking = House(options.kaiga, folder), None
        try:
            begin = time.monotonic()
            fronts = [house.front(), house.front()]
            photos = {number: png(number) for number in range(options.jobs)}
            jobs = {}
            for number in range(3):
                jobs[number] = submit(fronts[0], photos[number], f"job-{number}")
            lost = house.objects()
            assert len(lost) == 3, lost
            for name in lost:
                house.delete(name)
            ended, pool = {}, concurrent.futures.ThreadPoolExecutor(64)
            for number in range(3):
                threading.Thread(target=follow, args=[fronts[1], jobs[number], ended], daemon=True).start()
            breaking = Chaos(house, chance, 4, ["--rehearse-ms", str(options.rehearse_ms), "--attempts-max", "6"])

            def one(number):
                time.sleep(max(0, begin + number / options.jobs * options.seconds * 0.6 - time.monotonic()))
                front = number % 2
                jobs[number] = submit(fronts[front], photos[number], f"job-{number}")
                # On the other front than the one it was handed in at.
                if number % 5 == 0:
                    threading.Thread(target=follow, args=[fronts[1 - front], jobs[number], ended], daemon=True).start()
            handing_in = [pool.submit(one, number) for number in range(3, options.jobs)]
            breaking.run(options.seconds)
            [task.result() for task in handing_in]
            assert len(set(jobs.values())) == options.jobs, "a job was taken twice, or two are one"
            final = {}

            def settled():
                waiting = [job for job in jobs.values() if job not in final]
                for job, now in zip(waiting, pool.map(lambda job: state(fronts[0], job), waiting)):
                    if now["state"] in ("done", "failed", "cancelled"):
                        final[job] = now
                return len(final) == len(jobs)
            within(240 + options.seconds, "all jobs are over", settled)
            took = time.monotonic() - begin
            followed = [jobs[number] for number in jobs if number < 3 or number % 5 == 0]
            within(60, "all streams have ended", lambda: all(job in ended for job in followed))
            assert all(ended[job] == final[job]["state"] for job in followed), "a stream saw another end"
            dead = {}
            for line in house.run("jobs", "dead", "--json").stdout.splitlines():
                line = json.loads(line)
                dead[line["id"]] = line["reason"]
            finished = re.findall(r"job=\"?([0-9a-f]{8})\"?.*outcome=Done", house.all_logs())
            done = [number for number in jobs if final[jobs[number]]["state"] == "done"]
            for number in done:
                status, painting, _ = send(f"{fronts[0]}/api/v1/jobs/{jobs[number]}/result")
                same = painting == photos[number] if options.rehearse_ms else painting[:24] == photos[number][:24]
                assert status == 200 and same, f"job {number} has another's painting"
            for number in jobs:
                job = jobs[number]
                if number not in done:
                    assert dead.get(job), f"job {number} failed and is not dead: {final[job]}"
            twice = [job for job in set(finished) if finished.count(job) > 1]
            assert not twice, f"finished twice: {twice}"
            assert all(jobs[number] in dead for number in range(3)), "jobs without photos are dead"
            assert not [reason for reason in dead.values() if not reason]
            redone = len(re.findall("taken over from a process", house.all_logs()))
            print(f"{options.jobs} jobs in {took:.0f} s over 4 workers: {len(done)} done once, {len(dead)} dead with a reason, "
                  f"0 lost; {redone} taken over; {len(followed)} streams saw the end; broken: {breaking.count}; "
                  f"{len(house.objects())} objects in the store")
            reasons = {}
            for reason in dead.values():
                reasons[reason] = reasons.get(reason, 0) + 1
            print("dead:", reasons)
        except BaseException:
            sys.stderr.write(house.all_logs()[-6000:])
            raise
        finally:
            house.end()
            if breaking and breaking.apart:
                breaking.apart.end()


def batch(options):
    with tempfile.TemporaryDirectory() as folder:
        house = House(options.kaiga, folder, bucket=not options.shared_folder)
        try:
            photos = {f"album/{number // 100}/{number:05}.png": png(number) for number in range(options.jobs)}
            for name, photo in photos.items():
                house.put(f"in/{name}", photo)
            house.put("in/broken.png", b"this is no picture")
            for _ in range(2):
                house.worker("--workers", "4", "--rehearse-ms", str(options.rehearse_ms))
            arguments = ["batch", f"{house.root}/in", f"{house.root}/out", "--workers", "0", "--lease-s", str(LEASE_S)]
            chance, interrupted = random.Random(options.seed), 0
            whole = options.jobs * options.rehearse_ms / 1000 / 8
            while interrupted < 5:
                process = house.start(*arguments)
                time.sleep(chance.uniform(0.3, 0.8) * whole / 7 + 1)
                if process.poll() is not None:
                    break
                process.kill()
                process.wait()
                interrupted += 1
            assert interrupted == 5, "it was over before it could be interrupted"
            last = house.run(*arguments)
            assert last.returncode in (1, 3), (last.returncode, last.stderr)
            names = house.objects()
            paintings = {name.removeprefix("out/") for name in names if name.startswith("out/") and ".kaiga-batch" not in name}
            assert paintings == set(photos), (len(paintings), len(photos))
            for name in list(photos)[:50]:
                assert house.get(f"out/{name}") == photos[name], name
            lines = []
            for name in names:
                if ".kaiga-batch" in name:
                    lines += map(json.loads, house.get(name).decode().splitlines())
            listed = [line["photo"] for line in lines]
            assert sorted(listed) == sorted([*photos, "broken.png"]), "the manifest says each once"
            failed = [line for line in lines if "error" in line]
            assert [line["photo"] for line in failed] == ["broken.png"], failed
            finished = re.findall(r"outcome=Done", house.all_logs())
            assert len(finished) == options.jobs, f"{len(finished)} paintings for {options.jobs} photos"
            again = house.run(*arguments)
            assert again.returncode == 0 and len(re.findall("outcome=Done", house.all_logs())) == options.jobs, again.stderr
            print(f"{options.jobs} photos, killed {interrupted} times: {len(paintings)} paintings, {len(finished)} painted, "
                  f"1 failed with its reason: {failed[0]['error']}")
            print(last.stderr.strip().splitlines()[-1])
        except BaseException:
            sys.stderr.write(house.all_logs()[-6000:])
            raise
        finally:
            house.end()


def timed(house, front, workers, photos, at_a_time=48):
    """Seconds from the first photo that is handed in to the last that is done, with workers that are there already."""
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        start = time.monotonic()
        jobs = list(pool.map(lambda photo: submit(front, photo, os.urandom(8).hex()), photos))
        handed_in = time.monotonic() - start
        waiting = set(jobs)
        while waiting:
            one = next(iter(waiting))
            ended = {}
            follow(front, one, ended)
            assert ended[one] == "done", one
            waiting.discard(one)
            for job in list(waiting)[:at_a_time]:
                if state(front, job)["state"] == "done":
                    waiting.discard(job)
        return time.monotonic() - start, handed_in


def sleeping(options):
    for count in map(int, (options.workers or "1,4,16,64").split(",")):
        with tempfile.TemporaryDirectory() as folder:
            house = House(options.kaiga, folder, bucket=False)
            try:
                front = house.front()
                for _ in range(count):
                    house.worker("--workers", "1", "--rehearse-ms", str(options.rehearse_ms), "--log", "warn")
                # Until all have painted their canary and rest.
                time.sleep(3 + count * 0.25)
                photos = [png(number) for number in range(count * options.each)]
                took, handed_in = timed(house, front, count, photos)
                ideal = options.each * options.rehearse_ms / 1000
                print(f"{count} workers, {len(photos)} jobs of {options.rehearse_ms} ms: {took:.2f} s (ideal {ideal:.2f}, handed in after "
                      f"{handed_in:.2f}), {len(photos) / took:.1f} a second, {ideal / took:.0%} of the ideal", flush=True)
            finally:
                house.end()


def painting(options):
    names = sorted(pathlib.Path(options.photos).iterdir())
    photos = [name.read_bytes() for name in names] * options.each
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / "in"
        place.mkdir()
        for number, photo in enumerate(photos):
            (place / f"{number:03}{names[number % len(names)].suffix}").write_bytes(photo)
        start = time.monotonic()
        subprocess.run([options.kaiga, place, "-o", f"{folder}/out/"], check=True, capture_output=True)
        bare = len(photos) / (time.monotonic() - start)
        print(f"the program alone: {len(photos)} photos, {bare:.2f} a second", flush=True)
    for count in map(int, (options.workers or "1,2,4").split(",")):
        with tempfile.TemporaryDirectory() as folder:
            house = House(options.kaiga, folder)
            try:
                front = house.front()
                for _ in range(count):
                    house.worker("--workers", "1")
                time.sleep(5)
                took, _ = timed(house, front, count, photos, at_a_time=8)
                rate = len(photos) / took
                print(f"{count} workers of one painter: {rate:.2f} a second, {rate / bare:.0%} of the program alone", flush=True)
            finally:
                house.end()


def cold(options):
    photo = next(iter(sorted(pathlib.Path(options.photos).iterdir()))).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        house = House(options.kaiga, folder)
        try:
            front, took = house.front(), []
            for number in range(options.each):
                job, ended = submit(front, photo, f"cold-{number}"), {}
                start = time.monotonic()
                worker = house.worker("--workers", "1")
                follow(front, job, ended)
                took.append(time.monotonic() - start)
                assert ended[job] == "done", state(front, job)
                worker.terminate()
                worker.wait()
            took.sort()
            print(f"{options.each} times from the start of a worker to its first painting: {took[len(took) // 2]:.2f} s in the middle, "
                  f"{took[0]:.2f} to {took[-1]:.2f}")
        finally:
            house.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["chaos", "batch", "sleeping", "painting", "cold"])
    parser.add_argument("kaiga", type=os.path.abspath)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rehearse-ms", type=int, default=400)
    parser.add_argument("--lease-s", type=int, default=3)
    parser.add_argument("--workers")
    parser.add_argument("--shared-folder", action="store_true")
    parser.add_argument("--each", type=int)
    parser.add_argument("--photos")
    options = parser.parse_args()
    options.each = options.each or (5 if options.what == "cold" else 20)
    assert shutil.which("nats-server"), "there is no nats-server: apt-get install nats-server"
    globals()["LEASE_S"] = options.lease_s
    globals()[options.what](options)


if __name__ == "__main__":
    main()
