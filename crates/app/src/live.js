// One stream of events for all tabs of a browser: over HTTP/1.1 it holds six connections to a host, and each stream is one.
// The tab that holds the lock reads the stream and passes everything on. When it goes, the next one gets the lock and reads
// on from the last id. Without locks and channels (not over plain HTTP from another machine) each tab has its own.

const NAME = 'pg-dashboard-events';
const KINDS = ['connection-created', 'connection-updated', 'connection-deleted', 'connection-test-passed',
  'connection-test-failed', 'connection-error', 'health', 'job', 'change', 'alert', 'resync'];
// For tabs that come while the stream is open: their page was rendered a moment before.
const KEPT = 500;
const [SHORTEST, LONGEST] = [250, 10000];

// `since`: what the page knows. `told(kind, connection, at, details)`: for each event, once. `stated(live)`.
export function follow(since, told, stated) {
  const me = Math.random();
  let last = since;
  let stop = () => {};

  const receive = ({ kind, id, data, live, to }) => {
    if (live !== undefined) {
      stated(live);
    }
    if (!kind || (to ?? me) !== me) {
      return;
    }
    if (id !== undefined) {
      if (id <= last && kind !== 'resync') {
        return;
      }
      last = id;
    }
    told(kind, data.connection_id ?? undefined, Date.parse(data.at), data.details);
  };

  const start = () => {
    const shared = navigator.locks && self.BroadcastChannel;
    const channel = shared && new BroadcastChannel(NAME);
    const leaving = new AbortController();
    let end = () => {};
    let hear = receive;

    const lead = () => {
      let source, timer;
      let wait = SHORTEST;
      let live = false;
      let kept = [];
      let complete = last;
      const say = (message) => {
        receive(message);
        channel?.postMessage(message);
      };
      const resync = (to) => ({ kind: 'resync', data: { at: new Date(), details: {} }, to });
      const open = () => {
        clearTimeout(timer);
        source = new EventSource('/api/events' + (last === undefined ? '' : `?since=${last}`));
        source.onopen = () => {
          wait = SHORTEST;
          live = true;
          say({ live });
          if (last === undefined) {
            say(resync());
          }
        };
        source.onerror = () => {
          source.close();
          live = false;
          say({ live });
          timer = setTimeout(open, wait * (0.5 + Math.random() / 2));
          wait = Math.min(2 * wait, LONGEST);
        };
        for (const kind of KINDS) {
          source.addEventListener(kind, ({ data, lastEventId }) => {
            // What bears no id comes with that of the event before it.
            const id = kind === 'job' || !lastEventId ? undefined : Number(lastEventId);
            const message = { kind, id, data: JSON.parse(data) };
            if (id !== undefined) {
              complete ??= id - 1;
              kept.push(message);
              if (kept.length > KEPT) {
                complete = kept.shift().id;
              }
            }
            say(message);
          });
        }
      };
      const online = () => live || open();
      addEventListener('online', online);
      end = () => {
        removeEventListener('online', online);
        clearTimeout(timer);
        source.close();
      };
      hear = ({ hello, knows }) => {
        if (hello === undefined) {
          return;
        }
        channel.postMessage({ live });
        if (complete === undefined || !(knows >= complete)) {
          channel.postMessage(resync(hello));
        } else {
          kept.filter(({ id }) => id > knows).forEach((message) => channel.postMessage(message));
        }
      };
      // Whoever greeted while nobody led was not heard.
      channel?.postMessage({ who: true });
      open();
    };

    stop = () => {
      leaving.abort();
      end();
      channel?.close();
    };
    if (!shared) {
      return lead();
    }
    const greet = () => channel.postMessage({ hello: me, knows: last });
    channel.onmessage = ({ data }) => (data.who ? greet() : hear(data));
    const held = new Promise((leave) => leaving.signal.addEventListener('abort', leave));
    navigator.locks.request(NAME, { signal: leaving.signal }, () => (lead(), held)).catch(() => {});
    greet();
  };

  // A page that is kept for the way back may hold no lock, and reads on when it is shown again.
  addEventListener('pagehide', () => stop());
  addEventListener('pageshow', ({ persisted }) => persisted && start());
  start();
}
