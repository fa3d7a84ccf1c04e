/**
 * MCP Streamable HTTP for protocol versions up to 2025-11-25: one server per session, bounded in number and idle time.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import type { FairPlaces } from "../resilience/fair_places.ts";
import { legacyServer, tellOfListChanges } from "./legacy_server.ts";
import {
  isInitializeRequest,
  type RequestId,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "./sdk_v1.ts";
import type { McpCaller, McpService } from "./service.ts";

/** How many sessions there may be, and how long one may be unused. */
export interface SessionLimits {
  readonly maxSessions: number;
  readonly idleMs: number;
}

/** How often an open stream is written to: only writing shows that the client is gone. */
const KEEP_ALIVE_MS = 500;

interface Session {
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** Who opened it: to anyone else it is not there. */
  readonly client: string;
  /** The HTTP requests that brought the calls which go on. */
  readonly clients: Map<RequestId, AbortSignal>;
  openRequests: number;
  lastUsedMs: number;
}

/** Seconds after which it makes sense to ask for a stream again when all are taken. */
const STREAM_RETRY_AFTER_SEC = 15;

/** All sessions. */
export class HttpSessions {
  readonly #service: McpService;
  readonly #limits: () => SessionLimits;
  readonly #clock: Clock;
  readonly #streams: FairPlaces;
  readonly #sessions = new Map<string, Session>();
  #opening = 0;
  #isClosing = false;

  /**
   * @param limits asked for each request: they may change
   * @param streams places for the streams that clients keep open to be told of changes
   */
  constructor(service: McpService, limits: () => SessionLimits, clock: Clock, streams: FairPlaces) {
    this.#service = service;
    this.#limits = limits;
    this.#clock = clock;
    this.#streams = streams;
  }

  /** How many sessions are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Handles a request to the MCP endpoint.
   *
   * @param body the parsed body of a POST
   * @param caller who sends it
   */
  async handle(request: Request, body: unknown, caller: McpCaller): Promise<Response> {
    this.#dropIdle();
    const id = request.headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#sessions.get(id);
      if (session?.client !== caller.client) {
        return rpcError(404, -32001, "Session not found: initialize again");
      }
      return request.method === "GET"
        ? await this.#openStream(session, request)
        : await this.#forward(session, request, body);
    }
    if (request.method !== "POST" || !messagesOf(body).some(isInitializeRequest)) {
      return rpcError(
        400,
        -32000,
        "Bad Request: an initialize request or the header Mcp-Session-Id is needed",
      );
    }
    if (this.#isClosing) {
      return rpcError(503, -32000, "The server is shutting down: try again when it is back");
    }
    const { maxSessions } = this.#limits();
    if (this.#sessions.size + this.#opening >= maxSessions && !this.#makeRoomFor(caller.client)) {
      return rpcError(503, -32000, `All ${maxSessions} sessions are in use: try again later`);
    }
    // The place is taken before anything is waited for; the session counts by itself once it is initialised.
    this.#opening++;
    try {
      const session = await this.#open(caller);
      try {
        return await this.#forward(session, request, body);
      } finally {
        // One that the transport refused to initialise can be found by nobody, and would stay for good.
        if (session.transport.sessionId === undefined) await session.server.close();
      }
    } finally {
      this.#opening--;
    }
  }

  /** Opens no session any more, and ends every one once its answers are written; cancel long runs before. */
  async closeAll(): Promise<void> {
    this.#isClosing = true;
    await this.#service.settled();
    await Promise.all([...this.#sessions.values()].map(({ server }) => server.close()));
  }

  /**
   * Ends a session of the client that has the most, if it has at least two more than this one: nobody keeps others out by
   * opening all there are. One that is not being used goes first, and then the one that was used longest ago.
   *
   * @returns whether there is room
   */
  #makeRoomFor(client: string): boolean {
    const byClient = Map.groupBy(this.#sessions.values(), (session) => session.client);
    const most = [...byClient.values()].reduce((a, b) => b.length > a.length ? b : a, []);
    if (most.length < (byClient.get(client)?.length ?? 0) + 2) return false;
    const [first] = most.toSorted((a, b) =>
      Number(a.openRequests > 0) - Number(b.openRequests > 0) || a.lastUsedMs - b.lastUsedMs
    );
    // At once, so that nobody else comes in between.
    this.#sessions.delete(first!.transport.sessionId!);
    void first!.server.close();
    return true;
  }

  async #open(caller: McpCaller): Promise<Session> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: newId,
      keepAliveMs: KEEP_ALIVE_MS,
      onsessioninitialized: (id) => {
        this.#sessions.set(id, session);
      },
    });
    const clients = new Map<RequestId, AbortSignal>();
    const server = legacyServer(this.#service, caller, {
      disconnection: (id) => clients.get(id),
      // The transport would leave the stream open for good.
      endAnswer: (id) => transport.closeSSEStream(id),
    });
    const session: Session = {
      server,
      transport,
      client: caller.client,
      clients,
      openRequests: 0,
      lastUsedMs: this.#clock.now(),
    };
    await server.connect(transport);
    const endTelling = tellOfListChanges(this.#service, server);
    server.onclose = () => {
      endTelling();
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
    };
    return session;
  }

  /** A stream that is open until its client or the server ends it. */
  async #openStream(session: Session, request: Request): Promise<Response> {
    const place = this.#streams.take(
      session.client,
      () => session.transport.closeStandaloneSSEStream(),
    );
    if (place === null) {
      return rpcError(503, -32000, "As many streams are open as the server allows: try again later", {
        "retry-after": String(STREAM_RETRY_AFTER_SEC),
      });
    }
    const release = () => place[Symbol.dispose]();
    try {
      const response = await this.#forward(session, request, undefined);
      if (response.status === 200) return watched(response, release, () => {});
      release();
      return response;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #forward(session: Session, request: Request, body: unknown): Promise<Response> {
    const ids = messagesOf(body).flatMap((message) => requestIdOf(message));
    if (new Set(ids).size < ids.length || ids.some((id) => session.clients.has(id))) {
      return rpcError(400, -32600, "Invalid Request: a request with this id is still being answered");
    }
    const gone = new AbortController();
    request.signal.addEventListener("abort", () => gone.abort(), { once: true });
    for (const id of ids) session.clients.set(id, gone.signal);
    session.openRequests++;
    session.lastUsedMs = this.#clock.now();
    let ended = false;
    const end = () => {
      // A client that leaves while its stream is being read ends it from both sides.
      if (ended) return;
      ended = true;
      for (const id of ids) session.clients.delete(id);
      session.openRequests--;
      session.lastUsedMs = this.#clock.now();
    };
    try {
      const response = await session.transport.handleRequest(request, { parsedBody: body });
      return watched(response, end, () => gone.abort());
    } catch (error) {
      end();
      throw error;
    }
  }

  #dropIdle(): void {
    const latestMs = this.#clock.now() - this.#limits().idleMs;
    for (const session of this.#sessions.values()) {
      if (session.openRequests === 0 && session.lastUsedMs < latestMs) void session.server.close();
    }
  }
}

/** The same response; `onEnd` is called when its body has ended, `onCancel` before that when the client left. */
function watched(response: Response, onEnd: () => void, onCancel: () => void): Response {
  if (response.body === null) {
    onEnd();
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await reader.read();
        if (!done) return controller.enqueue(value);
        onEnd();
        controller.close();
      } catch (error) {
        onEnd();
        controller.error(error);
      }
    },
    async cancel(reason) {
      onCancel();
      onEnd();
      await reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

function messagesOf(body: unknown): unknown[] {
  return Array.isArray(body) ? body : [body];
}

function requestIdOf(message: unknown): RequestId[] {
  if (typeof message !== "object" || message === null || !("id" in message) || !("method" in message)) {
    return [];
  }
  const { id } = message;
  return typeof id === "string" || typeof id === "number" ? [id] : [];
}

function rpcError(status: number, code: number, message: string, headers: HeadersInit = {}): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}
