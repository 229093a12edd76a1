import { describeSteward } from "./steward-suite.js";

describeSteward("bash");
