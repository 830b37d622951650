// SPDX-License-Identifier: Apache-2.0
// Configurations of networks: as JSON, by the name of a preset, or guessed from weights.
#pragma once

#include <retinue/config/bodies.hpp>          // the bodies by name
#include <retinue/config/guess.hpp>           // guess_config, check_weights
#include <retinue/config/json.hpp>            // read_config, parse_config, to_json
#include <retinue/config/network_config.hpp>  // what a file of weights does not say
#include <retinue/config/presets.hpp>         // presets, find_preset
#include <retinue/config/schema.hpp>          // config_schema
