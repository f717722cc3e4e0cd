export { runLines, scriptFolder, type Training, trainingPython } from './python';
