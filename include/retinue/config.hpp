// SPDX-License-Identifier: Apache-2.0
// Configurations of detectors: as JSON, by the name of a preset, or guessed from weights.
#pragma once

#include <retinue/config/detector_config.hpp>  // what a file of weights does not say
#include <retinue/config/guess.hpp>            // guess_config, check_weights
#include <retinue/config/json.hpp>             // read_config, parse_config, to_json
#include <retinue/config/presets.hpp>          // presets, find_preset
#include <retinue/config/ssd_config.hpp>       // ssd_config, ssd_presets, find_ssd_preset
#include <retinue/config/ssd_json.hpp>         // read_ssd_config, parse_ssd_config, to_json
