import { describeSteward } from "./steward-suite.js";

describeSteward("dash");
