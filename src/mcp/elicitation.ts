/**
 * Asking the person at a client for leave, by `elicitation/create` (MCP 2025-06-18 and 2025-11-25).
 *
 * @module
 */
import { quote } from "../core/text.ts";
import {
  type ApprovalAnswer,
  type ApprovalQuestion,
  type AskPerson,
  describeQuestion,
} from "../runs/question.ts";
import {
  type ElicitRequestFormParams,
  type ElicitResult,
  ElicitResultSchema,
  EmptyResultSchema,
  type RequestHandlerExtra,
  type Server,
  type ServerNotification,
  type ServerRequest,
} from "./sdk_v1.ts";

/** The one field of the form. */
const FIELD = "run_it";

/** The most that a timer takes, in milliseconds: the SDK's own limit of 60 s is no limit of ours. */
const NO_LIMIT_MS = 2 ** 31 - 1;

type CallExtra = Pick<RequestHandlerExtra<ServerRequest, ServerNotification>, "sendRequest">;

/**
 * The person at one client.
 *
 * One question is open at a time, and a second one is refused rather than kept: whoever sees a row of questions arrive
 * answers the last of them unread, and an agent could make such a row. A refused agent can ask again.
 */
export class PersonAtClient {
  readonly #server: Server;
  #isAsked = false;
  #wasAsked = false;

  constructor(server: Server) {
    this.#server = server;
  }

  /** How the person is asked in the course of one call; undefined when the client did not say that it shows forms. */
  during(call: CallExtra): AskPerson | undefined {
    // The SDK reads a capability without modes, as 2025-06-18 has it, as one for forms.
    if (this.#server.getClientCapabilities()?.elicitation?.form === undefined) return undefined;
    return (question, signal) => this.#ask(question, signal, call);
  }

  async #ask(question: ApprovalQuestion, signal: AbortSignal, call: CallExtra): Promise<ApprovalAnswer> {
    if (this.#isAsked) return "busy";
    this.#isAsked = true;
    try {
      if (!this.#wasAsked) skipFirstId(call);
      this.#wasAsked = true;
      const params = formFor(question, this.#server.getClientVersion()?.name ?? "");
      const request = { method: "elicitation/create", params } as const;
      const result = await call.sendRequest(request, ElicitResultSchema, { signal, timeout: NO_LIMIT_MS });
      return answerOf(result);
    } finally {
      this.#isAsked = false;
    }
  }
}

/** The SDK numbers its requests from 0, and a client made with it overlooks that request 0 is cancelled. */
function skipFirstId(call: CallExtra): void {
  call.sendRequest({ method: "ping" }, EmptyResultSchema).catch(() => {/* Its answer is of no interest. */});
}

/** @param client what the client calls itself: its own word, shown as such */
function formFor(question: ApprovalQuestion, client: string): ElicitRequestFormParams {
  return {
    message: [
      `Bulkhead: the client ${
        quote(client)
      } wants to run an intrusive command. Nothing runs unless you allow it.`,
      "",
      describeQuestion(question),
      "",
      "It would run once, exactly as shown.",
    ].join("\n"),
    requestedSchema: {
      type: "object",
      properties: {
        [FIELD]: {
          type: "boolean",
          title: "Run it",
          description: "Tick to run the command once; leave it to refuse",
          default: false,
        },
      },
      required: [FIELD],
    },
  };
}

/** Only an accepted form whose box was ticked is leave; an accepted form whose box was left is a no. */
function answerOf({ action, content }: ElicitResult): ApprovalAnswer {
  if (action === "decline") return "declined";
  if (action !== "accept" || typeof content?.[FIELD] !== "boolean") return "unanswered";
  return content[FIELD] ? "approved" : "declined";
}
