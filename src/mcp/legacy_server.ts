/**
 * The adapter for protocol versions up to 2025-11-25, on the SDK's low-level server: schemas are published as they
 * are, and arguments are checked by the pipeline alone.
 *
 * @module
 */
import { FailedRequest } from "../core/failed_request.ts";
import { getLogger } from "@logtape/logtape";
import * as z from "zod";
import { PersonAtClient } from "./elicitation.ts";
import {
  AjvJsonSchemaValidator,
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  type ListToolsResult,
  McpError,
  type RequestId,
  Server,
} from "./sdk_v1.ts";
import type { McpCaller, McpService } from "./service.ts";

const logger = getLogger(["bulkhead", "mcp"]);

/** Any call: given the strict schema, the SDK answers bad parameters as an internal error. */
const AnyCallSchema = z.looseObject({ method: z.literal("tools/call"), params: z.unknown() });

const LIST_CHANGED = "notifications/tools/list_changed";

/** One for all servers: each would otherwise make its own. */
const validator = new AjvJsonSchemaValidator();

/** What a transport knows of the request that brought a call; stdio knows nothing. */
export interface RequestOrigin {
  /** Aborted when the client of the request goes away. */
  disconnection(id: RequestId): AbortSignal | undefined;
  /** Ends the answer to a request that was cancelled: it will not be answered any more. */
  endAnswer(id: RequestId): void;
}

/** Makes a server for one connection or session, which belongs to `caller`. */
export function legacyServer(service: McpService, caller: McpCaller, origin?: RequestOrigin): Server {
  const server = new Server(service.info, {
    capabilities: { tools: { listChanged: true } },
    instructions: service.instructions,
    jsonSchemaValidator: validator,
    debouncedNotificationMethods: [LIST_CHANGED],
  });
  const person = new PersonAtClient(server);
  server.onerror = (error) => logger.warn("protocol error", { error: error.message });
  server.setRequestHandler(
    ListToolsRequestSchema,
    async () => ({ tools: await service.listTools() }) as unknown as ListToolsResult,
  );
  server.setRequestHandler(AnyCallSchema, async (request, extra) => {
    // The SDK has checked the request by now, and answered a bad one with -32602.
    const { name, arguments: args = {} } = CallToolRequestSchema.parse(request).params;
    const gone = origin?.disconnection(extra.requestId);
    extra.signal.addEventListener("abort", () => origin?.endAnswer(extra.requestId), { once: true });
    const signal = gone === undefined ? extra.signal : AbortSignal.any([extra.signal, gone]);
    const ask = person.during(extra);
    const context = { ...caller, signal, ...(ask !== undefined && { ask }) };
    const answer = await sanitised(() => service.callTool(name, args, context));
    if (!answer.ok) throw new McpError(ErrorCode.InvalidParams, answer.message);
    return answer.result as unknown as CallToolResult;
  });
  return server;
}

/**
 * Tells the client of a server whenever the list of tools has changed. Over HTTP it hears that only while it keeps a
 * stream open for it.
 *
 * @returns a function that ends it
 */
export function tellOfListChanges(service: McpService, server: Server): () => void {
  return service.onListChanged(() => {
    // A client that has gone meanwhile needs not be told.
    server.sendToolListChanged().catch((error) => logger.debug("not notified", { error: String(error) }));
  });
}

/** A bug's message and stack stay in the log; the client learns that there was one. */
async function sanitised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    logger.error("internal error", FailedRequest.about(error));
    throw new McpError(ErrorCode.InternalError, "internal error; the server's log has the details");
  }
}
