#!/usr/bin/env python3
"""A day of traffic with a tenfold peak, for 1 to 1,000 workers: how long pictures wait, what a million cost, what breaks first.

  simulate.py                                  the table of docs/guide/scaling.md
  simulate.py --seconds-per-picture 0.9 --cold-start 20 --hour-price 0.05

Deterministic: the same arguments give the same table. Pictures arrive by a day's curve (quiet night, evening peak of ten times the
night, by chance around it); each worker paints one at a time; the number of workers is fixed, or follows the queue as KEDA has
it. Nothing is fitted: all constants are arguments, and the defaults are assumptions to be replaced by one's own figures, which
deploy/cluster.py measures (sleeping, painting), and by one's own prices. Of very many workers a part is played, with its part of
the pictures; waits are then those of the smaller house, which are longer.
"""
import argparse, heapq, math, random

DAY = 86_400
# So many are played one by one.
MOST_PICTURES = 500_000


def rate(second, night):
    """Pictures a second: night, and an evening peak of ten times as many around 20:00."""
    hour = second / 3600
    return night * (1 + 9 * math.exp(-(((hour - 20 + 12) % 24 - 12) ** 2) / (2 * 1.8**2)))


def arrivals(pictures, chance):
    """Times of about so many pictures in a day, in order."""
    shape = [rate(minute * 60 + 30, 1) for minute in range(1440)]
    scale = pictures / sum(shape)
    for minute, weight in enumerate(shape):
        expected = weight * scale
        # By chance around what is expected; for large numbers the normal curve is near enough.
        count = max(0, round(chance.gauss(expected, math.sqrt(expected))))
        yield from sorted(minute * 60 + chance.random() * 60 for _ in range(count))


def day(options, pictures, most, elastic):
    """Seconds that each picture waits, and seconds of workers that are paid for."""
    chance = random.Random(17)
    service, cold = options.seconds_per_picture, options.cold_start
    least = options.least if elastic else most
    free = [0.0] * least                       # When each worker is free.
    heapq.heapify(free)
    waits, paid, looked, workers = [], 0.0, 0.0, least
    retire = []
    backlog = []                               # When those begin that have come: what the queue's length is.
    for at in arrivals(pictures, chance):
        while elastic and looked + options.poll <= at:
            looked += options.poll
            paid += workers * options.poll
            while backlog and backlog[0] <= looked:
                heapq.heappop(backlog)
            wanted = min(most, max(least, math.ceil((len(backlog) + workers_busy(free, looked)) / options.jobs_per_worker)))
            if wanted > workers:
                for _ in range(wanted - workers):
                    heapq.heappush(free, looked + cold)
                retire.clear()
                workers = wanted
            elif wanted < workers:
                retire.append(looked)
                if looked - retire[0] >= options.cooldown:
                    # Those that are free soonest go; what is begun is finished.
                    for _ in range(workers - wanted):
                        heapq.heappop(free)
                    workers = wanted
                    retire.clear()
            else:
                retire.clear()
        begin = max(at, heapq.heappop(free))
        heapq.heappush(free, begin + service * chance.gammavariate(4, 0.25))
        if elastic:
            heapq.heappush(backlog, begin)
        waits.append(begin - at)
    paid = most * DAY if not elastic else paid + workers * (DAY - looked)
    return waits, paid


def workers_busy(free, now):
    return sum(1 for at in free if at > now)


def first_limit(options, peak):
    """What a stream of so many pictures a second takes most of: its name and the share."""
    limits = {
        "the broker (jobs a second)": peak / options.broker_jobs,
        "a front end (uploads a second)": peak / (options.front_jobs * options.fronts),
        "the bucket (writes a second below one prefix)": peak * 2 / options.bucket_puts,
        "the broker's disk (jobs remembered)": peak * 2 * options.ttl * options.job_kb / (options.broker_gb * 1e6),
    }
    return max(limits.items(), key=lambda limit: limit[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = lambda name, default, help: parser.add_argument(name, type=type(default), default=default, help=f"{help} [{default}]")
    add("--seconds-per-picture", 1.0, "time of one worker for one picture, mean")
    add("--cold-start", 5.0, "from the wish for a worker to its first picture, seconds")
    add("--use", 0.25, "how much of the workers' time a day's pictures take, on average")
    add("--least", 1, "workers that are always there, where their number follows the queue")
    add("--jobs-per-worker", 4, "jobs waiting or running for each worker wanted (KEDA's lagThreshold)")
    add("--poll", 15, "how often the queue's length is looked at, seconds (KEDA's pollingInterval)")
    add("--cooldown", 300, "how long fewer must be wanted before workers go, seconds")
    add("--hour-price", 0.04, "of one worker (a core and 1 GiB) for an hour, in money")
    add("--request-price", 5e-6, "of a write to the bucket; a picture takes two, and two reads at a tenth")
    add("--broker-jobs", 800.0, "jobs a second that one broker takes through all their steps")
    add("--front-jobs", 250.0, "uploads a second that one front end takes")
    add("--fronts", 2, "front ends")
    add("--bucket-puts", 3500.0, "writes a second that a bucket takes below one prefix")
    add("--ttl", 3600, "how long jobs are kept, seconds; they are remembered twice as long")
    add("--job-kb", 2.0, "of the broker's disk for each job that is remembered")
    add("--broker-gb", 8.0, "of disk that the broker may use")
    options = parser.parse_args()
    print(f"{'workers':>8} {'':>8} {'pictures a day':>15} {'at peak':>9} {'waits: half':>12} {'95 %':>9} {'99.9 %':>9} "
          f"{'paid h':>8} {'a million':>10}  most used")
    for most in (1, 4, 16, 64, 250, 1000):
        pictures = int(most * DAY / options.seconds_per_picture * options.use)
        peak = max(rate(s, 1) for s in range(0, DAY, 60)) / (sum(rate(s, 1) for s in range(0, DAY, 60)) * 60) * pictures
        # Beyond that the shape is the same, and a table shall not take hours.
        part = min(1.0, MOST_PICTURES / pictures)
        for elastic in (False, True):
            if elastic and most == 1:
                continue
            scaled = max(1, round(most * part))
            waits, paid = day(options, round(pictures * part), scaled, elastic)
            waits.sort()
            at = lambda share: waits[min(len(waits) - 1, int(len(waits) * share))]
            hours = paid / 3600 / part
            million = (hours * options.hour_price / pictures + options.request_price * 2.2) * 1e6
            name, share = first_limit(options, peak)
            note = "" if part == 1 else f" (of {part:.0%} of it)"
            print(f"{most:>8} {'elastic' if elastic else 'fixed':>8} {pictures:>15,} {peak:>8.1f}/s {at(.5):>10.1f} s {at(.95):>7.1f} s "
                  f"{at(.999):>7.1f} s {hours:>8.0f} {million:>10.2f}  {name}: {share:.0%}{note}", flush=True)


if __name__ == "__main__":
    main()
