/**
 * A process with a prober: it asks each of the services that its argument lists, as JSON, gives its permissions up
 * meanwhile, and prints what came of it.
 */
import { giveUpPermissions } from "../../src/confinement/permissions.ts";
import { Prober } from "../../src/confinement/prober.ts";
import { type Dependency, serviceOf } from "../../src/confinement/services.ts";

const dependencies: Dependency[] = JSON.parse(Deno.args[0]!);
const services = dependencies.map(serviceOf);
const prober = new Prober(services);
await prober.upright;
await giveUpPermissions([], [], services);
const answers = await Promise.all(
  services.map((_, index) => prober.probe(index, AbortSignal.timeout(10_000))),
);
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(answers)));
prober.close();
