//! Every command of the plugin, from its description: signature, examples, completion, run.

use nu_plugin::{DynamicCompletionCall, EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::engine::ArgType;
use nu_protocol::{
    Category, DynamicSuggestion, Example, Flag as NuFlag, LabeledError, PipelineData, Signature,
    SyntaxShape, Type,
};

use crate::SsmpfPlugin;
use crate::call::Call;
use crate::columns;
use crate::complete;
use crate::spec::{Count, Output, Spec};

/// A command that Nushell can call.
pub struct Command(pub &'static Spec);

impl PluginCommand for Command {
    type Plugin = SsmpfPlugin;

    fn name(&self) -> &str {
        self.0.name
    }

    fn description(&self) -> &str {
        self.0.about
    }

    fn extra_description(&self) -> &str {
        self.0.more
    }

    fn search_terms(&self) -> Vec<&str> {
        let always = ["aws", "ssm", "tunnel"];
        always.iter().chain(self.0.search).copied().collect()
    }

    fn signature(&self) -> Signature {
        let spec = self.0;
        let mut signature = Signature::build(spec.name)
            .category(Category::Network)
            .input_output_types(types(spec))
            .allow_variants_without_examples(true);
        for argument in spec.arguments {
            let shape = SyntaxShape::String;
            signature = match argument.count {
                // What can come through the pipe need not be typed.
                Count::One if argument.column.is_none() => {
                    signature.required(argument.name, shape, argument.about)
                }
                Count::One | Count::Maybe => {
                    signature.optional(argument.name, shape, argument.about)
                }
                Count::Any | Count::Some => signature.rest(argument.name, shape, argument.about),
            };
        }
        for flag in spec.all_flags() {
            let mut described = NuFlag::new(flag.name).desc(flag.about);
            described.short = flag.short;
            described.arg = flag.takes.shape();
            signature = signature.param(described);
        }
        signature
    }

    fn examples(&self) -> Vec<Example<'_>> {
        let examples = self.0.examples.iter();
        let example = |it: &'static crate::spec::Sample| Example {
            example: it.code,
            description: it.about,
            result: it.result.map(|result| result()),
        };
        examples.map(example).collect()
    }

    fn run(
        &self,
        _plugin: &SsmpfPlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        Call { spec: self.0, engine, typed: call }.run(input)
    }

    // The marker says that Nushell may still change this: it is deprecated from its first day.
    #[allow(deprecated)]
    fn get_dynamic_completion(
        &self,
        _plugin: &SsmpfPlugin,
        engine: &EngineInterface,
        call: DynamicCompletionCall,
        argument: ArgType<'_>,
        _experimental: nu_protocol::engine::ExperimentalMarker,
    ) -> Option<Vec<DynamicSuggestion>> {
        complete::suggestions(self.0, engine, &call, &argument)
    }
}

/// Returns what goes in and what comes out.
fn types(spec: &Spec) -> Vec<(Type, Type)> {
    let out = output_type(spec.output);
    let mut types = vec![(Type::Nothing, out.clone())];
    let one = [Type::String, Type::Record(Vec::new().into())];
    let many = [Type::List(Box::new(Type::Any)), Type::table()];
    match spec.rows {
        Some(rows) => {
            types.extend(one.map(|row| (row, out.clone())));
            types.extend(many.map(|row| (row, output_type(rows))));
        }
        None if spec.piped().is_some() => {
            types.extend(one.into_iter().chain(many).map(|row| (row, out.clone())));
        }
        None => {}
    }
    types
}

fn output_type(output: Output) -> Type {
    match output {
        Output::Table { columns, .. } => columns::table_type(columns),
        Output::Record { columns, .. } => columns::record_type(columns),
        Output::Words { .. } => Type::List(Box::new(Type::String)),
        Output::Text { .. } => Type::String,
        // Each kind of event has fields of its own.
        Output::Events => Type::table(),
        Output::Forwards => columns::table_type(columns::FORWARD),
        Output::If { given, otherwise, .. } => match (output_type(*given), output_type(*otherwise))
        {
            (Type::Table(_), table @ Type::Table(_)) => table,
            _ => Type::Any,
        },
    }
}
