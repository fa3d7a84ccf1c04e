/**
 * Waiting for the notifications of all compartments at once, with one thread: Deno has no more than 32 threads to a
 * worker for calls that take long, and a compartment must not take one for as long as it lives.
 *
 * @module
 */
import { ERRNO, errnoName, type LiveKernel } from "./linux/kernel.ts";
import {
  type Notification,
  NOTIFICATION_BYTES,
  NOTIFICATION_IOCTL,
  readNotification,
} from "./linux/seccomp.ts";

/** poll(2): events, and bytes of struct pollfd: descriptor, events asked for, events that there are. */
const POLLIN = 0x1;
const POLLHUP = 0x10;
const ENTRY_BYTES = 8;

/**
 * How often in a row there may be nothing but an error: the kernel says so too when a signal keeps it from looking, see
 * seccomp_notify_poll in kernel/seccomp.c.
 */
const MOST_ERRORS = 100;

function isHeard(events: number): boolean {
  return (events & (POLLIN | POLLHUP)) !== 0;
}

/** eventfd(2). */
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** What is done with the notifications of one listener. */
export type Hear = (notification: Notification) => void;

/** The listeners of all compartments. */
export class Listeners {
  readonly #kernel: LiveKernel;
  readonly #hear = new Map<number, Hear>();
  /** Written to when a listener is added, so that the wait begins anew with it. */
  readonly #wake: number;

  /** @throws {Error} when there are no descriptors left */
  constructor(kernel: LiveKernel) {
    this.#kernel = kernel;
    this.#wake = kernel.call("eventfd2", 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (this.#wake < 0) throw new Error(`eventfd: ${errnoName(-this.#wake)}`);
    void this.#listen();
  }

  /** Takes the notifications of a listener until nobody is left who could raise one; then it is closed. */
  add(listener: number, hear: Hear): void {
    this.#hear.set(listener, hear);
    const one = new Uint8Array(new BigUint64Array([1n]).buffer);
    this.#kernel.call("write", this.#wake, one, one.length);
  }

  async #listen(): Promise<never> {
    let errors = 0;
    for (;;) {
      const descriptors = [this.#wake, ...this.#hear.keys()];
      const entries = new Uint8Array(descriptors.length * ENTRY_BYTES);
      const view = new DataView(entries.buffer);
      for (const [index, descriptor] of descriptors.entries()) {
        view.setInt32(index * ENTRY_BYTES, descriptor, true);
        view.setInt16(index * ENTRY_BYTES + 4, POLLIN, true);
      }
      // Not the buffer itself: the wait outlasts a warden that is closed.
      const outside = this.#kernel.outside(entries);
      const ready = await this.#kernel.callInBackground(
        "ppoll",
        outside.address,
        descriptors.length,
        null,
        null,
        0,
      );
      outside.take();
      // Interrupted.
      if (ready < 0) continue;
      if (
        ready > 0 && descriptors.some((_, index) => isHeard(view.getInt16(index * ENTRY_BYTES + 6, true)))
      ) errors = 0;
      for (const [index, descriptor] of descriptors.entries()) {
        const events = view.getInt16(index * ENTRY_BYTES + 6, true);
        if (events === 0) continue;
        if (descriptor === this.#wake) this.#kernel.call("read", this.#wake, new Uint8Array(8), 8);
        else if ((events & POLLIN) !== 0) this.#receive(descriptor);
        else if ((events & POLLHUP) !== 0) this.#close(descriptor);
        else if (++errors > MOST_ERRORS) {
          throw new Error(`a listener cannot be heard any more: events ${events}`);
        }
      }
    }
  }

  /** Does not wait: there is a notification, or ENOENT when whoever raised it was killed meanwhile. */
  #receive(listener: number): void {
    const bytes = new Uint8Array(NOTIFICATION_BYTES);
    const received = this.#kernel.call("ioctl", listener, NOTIFICATION_IOCTL.receive, bytes);
    if (received === 0) this.#hear.get(listener)?.(readNotification(bytes, this.#kernel.architecture));
    else if (received !== -ERRNO.ENOENT && received !== -ERRNO.EINTR) {
      throw new Error(`a notification cannot be received: ${errnoName(-received)}`);
    }
  }

  #close(listener: number): void {
    this.#hear.delete(listener);
    this.#kernel.call("close", listener);
  }
}
