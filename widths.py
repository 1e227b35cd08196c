import sys
from trainer.sweep import seeded_run, seeded_runs
from trainer.command import interrupts
def runs(seeds, out):
    for name,b in grid.items():
        for s in seeds:
            for h in (4,8,16,32):
                yield seeded_run.SeededRun(f"{name}_{h}", ("gin_configs/teacher_student/two_layers.gin","gin_configs/methods/gradmax.gin","gin_configs/decisions/gain_per_cost.gin","gin_configs/decisions/plateau.gin"), s, ("GainPerCost.neurons=1","Plateau.count=None",f"teacher_sizes=(20,{h},20)", "initial_widths=(2,)","target_widths=(2,)", "TeacherStudent.examples=4000","Experiment.steps=20000","Loop.log_interval=500",*b), (), out)
grid={}
for steps in (50,100,):
  for fall in (0.05,0.1):
    for least in (1e-5,1e-4):
      grid[f"s{steps}_f{fall}_l{least}"]=(f"Plateau.steps={steps}",f"Plateau.least_fall={fall}",f"GainPerCost.least={least}", "ConstantLrConfig.learning_rate=0.05")
if __name__=="__main__":
    with interrupts.catch() as i:
        for r,f in seeded_runs.perform(seeded_run.train, list(runs(range(1),sys.argv[1])), 2, i, lambda r: f"{r.result()['widths']} {r.result()['train']['loss']:.4g} {r.result().get('growth_ended')}"):
            pass
